/** Counts bytes that are in memory for all clients together: of frames that are still coming, or of inputs whose calls are under way. */
export class HeldBytes {
  readonly #sizeBytesMax: number
  #usedBytes = 0

  constructor(sizeBytesMax: number) {
    this.#sizeBytesMax = sizeBytesMax
  }

  /** @returns false when there is no room; nothing is taken then. */
  take(sizeBytes: number): boolean {
    if (this.#usedBytes + sizeBytes > this.#sizeBytesMax) return false
    this.#usedBytes += sizeBytes
    return true
  }

  give(sizeBytes: number): void {
    this.#usedBytes -= sizeBytes
  }
}
