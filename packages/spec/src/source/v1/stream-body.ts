/** The part of Node's `Readable` that is needed here: this package also runs in browsers. */
export interface ByteStream extends AsyncIterable<Uint8Array> {
  on(event: 'error', listener: () => void): unknown
  destroy(): unknown
}

/**
 * A Node stream as the body of a reply or download; `translate` makes the typed error of whatever the stream throws.
 * Written out instead of a generator, because a generator's `finally` does not run when it is ended before its first
 * `next()`, and the socket or file would stay open.
 */
export function streamBody(stream: ByteStream, translate: (thrown: unknown) => Error): AsyncIterable<Uint8Array> {
  // Whoever iterates sees the failure; without a listener a failure between two reads would end the process.
  stream.on('error', () => {})
  return { [Symbol.asyncIterator]: () => bodyIterator(stream, translate) }
}

function bodyIterator(stream: ByteStream, translate: (thrown: unknown) => Error): AsyncIterator<Uint8Array> {
  const chunks = stream[Symbol.asyncIterator]()
  return {
    next: async () => {
      try {
        return await chunks.next()
      } catch (thrown) {
        throw translate(thrown)
      }
    },
    return: () => {
      stream.destroy()
      return Promise.resolve({ done: true, value: undefined })
    },
  }
}
