import { SENTENCE_LENGTH_MAX } from './limits.ts'

const segmenter = new Intl.Segmenter(undefined, { granularity: 'sentence' })

/** Cuts a text into what is spoken at once: sentences, and of very long ones as many words as fit. Nothing but blanks is nothing. */
export function* sentencesOf(text: string): Generator<string, void, void> {
  for (const { segment } of segmenter.segment(text)) for (const piece of cut(segment.trim())) yield piece
}

function* cut(sentence: string): Generator<string, void, void> {
  let rest = sentence
  while (rest.length > SENTENCE_LENGTH_MAX) {
    const head = rest.slice(0, SENTENCE_LENGTH_MAX)
    const at = Math.max(...[', ', '; ', ': '].map((mark) => head.lastIndexOf(mark) + 1))
    const end = at > SENTENCE_LENGTH_MAX / 2 ? at : lastBlank(head)
    yield rest.slice(0, end).trim()
    rest = rest.slice(end).trim()
  }
  if (rest !== '') yield rest
}

/** Where the last word that fits ends; in writing without blanks, between two characters. */
function lastBlank(head: string): number {
  const blank = head.lastIndexOf(' ')
  if (blank > 0) return blank
  const last = head.charCodeAt(head.length - 1)
  return last >= 0xd800 && last <= 0xdbff ? head.length - 1 : head.length
}
