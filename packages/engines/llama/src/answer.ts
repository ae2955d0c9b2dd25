import type { GenerateEvent } from '@soma/spec'
import { ToolCallReader, type ToolCallReaderOptions } from './chat/tool-call-reader.ts'
import type { ToolStyle } from './chat/tool-style.ts'
import { Detokenizer, type TokenTexts } from './text/detokenizer.ts'
import { MarkerScanner } from './text/marker-scanner.ts'

export interface AnswerOptions {
  readonly stop: readonly string[]
  /** Present where functions may be asked for. */
  readonly tools?: (ToolCallReaderOptions & { readonly style: ToolStyle }) | undefined
}

/** Tokens to events: text, cut at a stop text, and requests for functions told from it. */
export class Answer {
  readonly #texts: Detokenizer
  readonly #stops: MarkerScanner
  readonly #tools: ToolCallReader | undefined
  #isOver = false

  constructor(model: TokenTexts, { stop, tools }: AnswerOptions) {
    // What some models open a request with has a text only as a control token.
    this.#texts = new Detokenizer(model, tools !== undefined)
    this.#stops = new MarkerScanner(stop)
    this.#tools = tools && new ToolCallReader(tools.style, tools)
  }

  /** A stop text came. */
  get isOver(): boolean {
    return this.#isOver
  }

  get hasCalls(): boolean {
    return this.#tools?.hasCalls ?? false
  }

  push(token: number): GenerateEvent[] {
    return this.#text(this.#texts.push(token))
  }

  /** What was held back. */
  end(): GenerateEvent[] {
    if (this.#isOver) return this.#tools?.end() ?? []
    const last = this.#text(this.#texts.end())
    const rest = this.#isOver ? [] : this.#read(this.#stops.rest())
    return [...last, ...rest, ...(this.#tools?.end() ?? [])]
  }

  #text(piece: string): GenerateEvent[] {
    if (piece === '') return []
    const { text, marker } = this.#stops.push(piece)
    this.#isOver = marker !== undefined
    return this.#read(text)
  }

  #read(text: string): GenerateEvent[] {
    if (text === '') return []
    return this.#tools?.push(text) ?? [{ text }]
  }
}
