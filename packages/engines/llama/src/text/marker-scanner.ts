/** What is known so far: text before any marker, and the marker that came, after which scanning begins anew. */
export interface Scanned {
  readonly text: string
  readonly marker?: string
}

/**
 * Finds the first of some markers in text that comes in pieces. What could be the beginning of one is held back until it is
 * or is not.
 */
export class MarkerScanner {
  readonly #markers: readonly string[]
  #held = ''

  constructor(markers: readonly string[]) {
    this.#markers = markers
  }

  push(piece: string): Scanned {
    if (this.#markers.length === 0) return { text: piece }
    const text = this.#held + piece
    const found = this.#first(text)
    if (found) {
      this.#held = text.slice(found.index + found.marker.length)
      return { text: text.slice(0, found.index), marker: found.marker }
    }
    const kept = text.length - this.#beginnings(text)
    this.#held = text.slice(kept)
    return { text: text.slice(0, kept) }
  }

  /** What was held back, or came after a marker. */
  rest(): string {
    const held = this.#held
    this.#held = ''
    return held
  }

  /** The one that begins first, and of those the longest. */
  #first(text: string): { readonly index: number; readonly marker: string } | undefined {
    let best: { index: number; marker: string } | undefined
    for (const marker of this.#markers) {
      const index = text.indexOf(marker)
      if (index < 0 || (best && (best.index < index || (best.index === index && best.marker.length >= marker.length)))) continue
      best = { index, marker }
    }
    return best
  }

  /** Length of the longest end of the text with which a marker begins. */
  #beginnings(text: string): number {
    let longest = 0
    for (const marker of this.#markers)
      for (let length = Math.min(marker.length - 1, text.length); length > longest; length--)
        if (marker.startsWith(text.slice(text.length - length))) longest = length
    return longest
  }
}
