/** What a fake model is asked, whatever API it was asked by. */
export interface ParrotRequest {
  readonly prompt: string
  readonly maxTokens?: number | undefined
  readonly stop?: readonly string[] | undefined
}

export interface ParrotAnswer {
  readonly words: readonly string[]
  readonly finish: 'stop' | 'length'
  /** Words of the prompt. */
  readonly promptTokens: number
  readonly generatedTokens: number
}

/** A model whose answers are known: it repeats the prompt word by word, each with the space before it. */
export function parrot({ prompt, maxTokens = Number.POSITIVE_INFINITY, stop = [] }: ParrotRequest): ParrotAnswer {
  const all = wordsOf(prompt)
  const ends = stop.map((text) => prompt.indexOf(text)).filter((index) => index >= 0)
  const allowed = wordsOf(prompt.slice(0, Math.min(prompt.length, ...ends)))
  const words = allowed.slice(0, maxTokens)
  return { words, finish: words.length < allowed.length ? 'length' : 'stop', promptTokens: all.length, generatedTokens: words.length }
}

function wordsOf(text: string): string[] {
  return text.match(/\s*\S+|\s+$/g) ?? []
}
