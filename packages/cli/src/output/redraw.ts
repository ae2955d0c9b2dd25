import type { OutputStream } from '../terminal.ts'

/** Lines at the end of the terminal that are drawn over again and again. */
export class RedrawnLines {
  readonly #stream: OutputStream
  #drawn = 0

  constructor(stream: OutputStream) {
    this.#stream = stream
  }

  /** Replaces the lines. Each must fit the terminal's width, or going back up would miss. */
  draw(lines: readonly string[]): void {
    this.#stream.write(`${this.#back()}${lines.map((line) => `${line}\u001B[K\n`).join('')}\u001B[J`)
    this.#drawn = lines.length
  }

  /** Takes the lines away, so that what is written next begins where they did. */
  clear(): void {
    if (this.#drawn > 0) this.#stream.write(`${this.#back()}\u001B[J`)
    this.#drawn = 0
  }

  /** Leaves the lines as they are. */
  keep(): void {
    this.#drawn = 0
  }

  #back(): string {
    return this.#drawn > 0 ? `\u001B[${this.#drawn}A\r` : ''
  }
}
