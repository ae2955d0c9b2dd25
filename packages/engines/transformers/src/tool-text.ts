import { type Rng, parseJson, randomId } from '@soma/core'
import type { GenerateEvent, Tool, ToolCall } from '@soma/spec'
import { isObject, textAt } from './package-files.ts'
import { overlap } from './stop-text.ts'

/** How models with chat templates like Hermes' and Qwen's ask for a function: JSON between these. */
const BEGIN = '<tool_call>'
const END = '</tool_call>'

/** Whether a chat template teaches the model to ask for functions in a way that is understood here. */
export function knowsTools(template: unknown): boolean {
  return JSON.stringify(template ?? '').includes(BEGIN)
}

/** Takes requests for functions out of an answer as it comes; what only looks like one stays text. */
export class ToolText {
  readonly #names: ReadonlySet<string>
  readonly #rng: Rng
  #held = ''
  #calls = 0

  constructor(tools: readonly Tool[], rng: Rng) {
    this.#names = new Set(tools.map(({ name }) => name))
    this.#rng = rng
  }

  get called(): boolean {
    return this.#calls > 0
  }

  *add(text: string): Generator<GenerateEvent> {
    this.#held += text
    for (let end = 0; end >= 0;) {
      yield* this.#certain()
      end = this.#held.startsWith(BEGIN) ? this.#held.indexOf(END) : -1
      if (end >= 0) yield this.#read(this.#take(end + END.length))
    }
  }

  /** What was begun, and is none after all. */
  *end(): Generator<GenerateEvent> {
    yield* words(this.#take(this.#held.length))
  }

  /** What comes before a request, and before what could become one. */
  #certain(): Generator<GenerateEvent> {
    const begin = this.#names.size === 0 ? this.#held.length : this.#held.indexOf(BEGIN)
    return words(this.#take(begin < 0 ? this.#held.length - overlap(this.#held, BEGIN) : begin))
  }

  #take(length: number): string {
    const taken = this.#held.slice(0, length)
    this.#held = this.#held.slice(length)
    return taken
  }

  #read(text: string): GenerateEvent {
    const toolCall = this.#parse(text.slice(BEGIN.length, -END.length))
    if (!toolCall) return { text }
    this.#calls++
    return { text: '', toolCall }
  }

  #parse(json: string): ToolCall | undefined {
    const call = readJson(json)
    if (!isObject(call)) return undefined
    const name = textAt(call, 'name') ?? ''
    const wanted = call['arguments'] ?? call['parameters'] ?? {}
    if (!this.#names.has(name) || !isObject(wanted)) return undefined
    return { id: randomId(this.#rng, 'call'), name, arguments: JSON.stringify(wanted) }
  }
}

function* words(text: string): Generator<GenerateEvent> {
  if (text !== '') yield { text }
}

function readJson(text: string): unknown {
  try {
    return parseJson(text)
  } catch {
    return undefined
  }
}
