import { defined } from '@soma/core'
import type { Signature } from '@soma/spec'
import { type Span, charactersBefore, spansOf } from '../spans.ts'
import { type Abilities, type Parts, inferring, labelOf, spec } from '../parts.ts'
import { floats, integers, outputOf, row, softmax, stringOf, strings } from '../tensors.ts'

const signature: Signature = {
  inputs: [spec('text', 'string', [1], 'one text')],
  outputs: [
    spec('entity', 'string', [-1], 'what each thing found is'),
    spec('word', 'string', [-1], 'as it stands in the text'),
    spec('score', 'float32', [-1], 'how sure the model is'),
    spec('start', 'int32', [-1], 'its first character in the text, from 0'),
    spec('end', 'int32', [-1], 'the character behind its last'),
  ],
}

interface Entity extends Span {
  readonly kind: string
  readonly scores: number[]
  end: number
}

/** Names, places and whatever else a model was trained to find: neighbouring tokens of one thing as one. */
export function tagTokens(parts: Parts): Abilities {
  const tokens = defined(parts.tokens, 'the task takes text')
  return inferring(signature, async (inputs) => {
    const text = stringOf(inputs, 'text')
    const sequence = tokens.encode('the text', text)
    const logits = outputOf(await parts.model(tokens.feeds(sequence)), 'logits')
    const spans = spansOf(tokens, text, sequence.ids)
    const found: Entity[] = []
    let open = ''
    for (const [index, span] of spans.entries()) {
      if (!span) continue
      const scores = softmax(row(logits, index))
      const score = Math.max(...scores)
      open = add(found, { ...span, score, label: labelOf(parts.config, scores.indexOf(score)) }, open)
    }
    return [
      strings(
        'entity',
        found.map(({ kind }) => kind),
      ),
      strings(
        'word',
        found.map(({ start, end }) => text.slice(start, end)),
      ),
      floats(
        'score',
        found.map(({ scores }) => scores.reduce((sum, score) => sum + score, 0) / scores.length),
      ),
      integers(
        'start',
        found.map(({ start }) => charactersBefore(text, start)),
      ),
      integers(
        'end',
        found.map(({ end }) => charactersBefore(text, end)),
      ),
    ]
  })
}

/**
 * `B-` begins a thing, `I-` and `E-` go on with one, `S-` is one alone; `O` is none.
 * @returns the kind that the next token may go on with.
 */
function add(found: Entity[], token: Span & { readonly score: number; readonly label: string }, open: string): string {
  const { start, end, score, label } = token
  if (label === 'O') return ''
  const [, prefix = 'I', kind = label] = /^([BIES])-(.+)$/s.exec(label) ?? []
  const last = found.at(-1)
  if (last && open === kind && prefix !== 'B' && prefix !== 'S') {
    last.end = end
    last.scores.push(score)
  } else found.push({ kind, start, end, scores: [score] })
  return prefix === 'E' || prefix === 'S' ? '' : kind
}
