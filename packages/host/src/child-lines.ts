import { StringDecoder } from 'node:string_decoder'
import type { Clock } from '@soma/core'
import { CHILD_LINES_KEPT, CHILD_LINES_PER_SECOND_MAX, CHILD_LINE_LENGTH_MAX } from './limits.ts'

/** Free text of a child, as lines: each is handed on within a rate limit, the last ones are kept. */
export class ChildLines {
  readonly #clock: Clock
  readonly #write: (line: string, dropped: number) => void
  readonly #decoder = new StringDecoder('utf8')
  readonly #kept: string[] = []
  #rest = ''
  #windowBegan = -Infinity
  #inWindow = 0
  #dropped = 0

  /** @param write is told a line, and how many before it were dropped. */
  constructor(clock: Clock, write: (line: string, dropped: number) => void) {
    this.#clock = clock
    this.#write = write
  }

  /** The last lines, oldest first, with what has no line end yet. */
  get kept(): readonly string[] {
    return this.#rest === '' ? [...this.#kept] : [...this.#kept, this.#rest].slice(-CHILD_LINES_KEPT)
  }

  push(chunk: Buffer): void {
    const lines = (this.#rest + this.#decoder.write(chunk)).split('\n')
    this.#rest = (lines.pop() ?? '').slice(0, CHILD_LINE_LENGTH_MAX)
    for (const line of lines) this.#line(line)
  }

  end(): void {
    if (this.#rest !== '') this.#line(this.#rest)
    this.#rest = ''
  }

  #line(text: string): void {
    const line = text.slice(0, CHILD_LINE_LENGTH_MAX).trimEnd()
    if (line === '') return
    this.#kept.push(line)
    if (this.#kept.length > CHILD_LINES_KEPT) this.#kept.shift()
    if (!this.#mayWrite()) return
    this.#write(line, this.#dropped)
    this.#dropped = 0
  }

  #mayWrite(): boolean {
    const now = this.#clock.monotonic()
    if (now - this.#windowBegan >= 1000) {
      this.#windowBegan = now
      this.#inWindow = 0
    }
    this.#inWindow += 1
    if (this.#inWindow <= CHILD_LINES_PER_SECOND_MAX) return true
    this.#dropped += 1
    return false
  }
}
