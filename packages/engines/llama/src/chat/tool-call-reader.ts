import type { GenerateEvent } from '@soma/spec'
import { TOOL_CALL_LENGTH_MAX } from '../limits.ts'
import { MarkerScanner } from '../text/marker-scanner.ts'
import type { ToolStyle } from './tool-style.ts'

export interface ToolCallReaderOptions {
  /** The prompt already ends with what opens a request. */
  readonly isOpen: boolean
  /** A name for the n-th request of this answer. */
  readonly id: () => string
}

/** Tells requests for functions from text in an answer that comes in pieces. Nothing is lost: what is no request stays text. */
export class ToolCallReader {
  readonly #style: ToolStyle
  readonly #id: () => string
  #scanner: MarkerScanner
  #body: string | undefined
  #hasText = false
  #calls = 0

  constructor(style: ToolStyle, { isOpen, id }: ToolCallReaderOptions) {
    this.#style = style
    this.#id = id
    this.#body = isOpen ? (style.kept ?? '') : undefined
    this.#scanner = this.#nextScanner()
  }

  /** Whether any function has been asked for. */
  get hasCalls(): boolean {
    return this.#calls > 0
  }

  push(piece: string): GenerateEvent[] {
    const events: GenerateEvent[] = []
    let { text, marker } = this.#scanner.push(piece)
    for (;;) {
      events.push(...this.#take(text))
      if (marker === undefined) return events
      events.push(...this.#turn(marker))
      const rest = this.#scanner.rest()
      this.#scanner = this.#nextScanner()
      ;({ text, marker } = this.#scanner.push(rest))
    }
  }

  end(): GenerateEvent[] {
    return [...this.#take(this.#scanner.rest()), ...(this.#body === undefined ? [] : this.#close(''))]
  }

  #nextScanner(): MarkerScanner {
    const { open, close, atStart } = this.#style
    if (this.#body !== undefined) return new MarkerScanner(close === undefined ? [] : [close])
    return new MarkerScanner(atStart === true && this.#hasText ? [] : [open])
  }

  #take(text: string): GenerateEvent[] {
    if (text === '') return []
    if (this.#body === undefined) {
      this.#hasText ||= text.trim() !== ''
      return [{ text }]
    }
    this.#body += text
    return this.#body.length > TOOL_CALL_LENGTH_MAX ? this.#giveUp('') : []
  }

  #turn(marker: string): GenerateEvent[] {
    if (this.#body !== undefined) return this.#close(marker)
    // Text came before what counts only at the beginning.
    if (this.#style.atStart === true && this.#hasText) return [{ text: marker }]
    this.#body = this.#style.kept ?? ''
    return []
  }

  #close(marker: string): GenerateEvent[] {
    const calls = this.#style.parse(this.#body ?? '')
    if (!calls) return this.#giveUp(marker)
    this.#body = undefined
    this.#calls += calls.length
    return calls.map((call) => ({ text: '', toolCall: { id: this.#id(), ...call } }))
  }

  #giveUp(marker: string): GenerateEvent[] {
    const { open, kept = '' } = this.#style
    const text = open.slice(0, open.length - kept.length) + (this.#body ?? '') + marker
    this.#body = undefined
    this.#hasText = true
    return [{ text }]
  }
}
