import type { Readable } from 'node:stream'

/**
 * A reply's body. Written out instead of a generator, because a generator's `finally` does not run when it is
 * ended before its first `next()`, and the socket would stay open.
 */
export function httpBody(stream: Readable, translate: (thrown: unknown) => Error): AsyncIterable<Uint8Array> {
  // Whoever iterates sees the failure; without a listener a failure between two reads would end the process.
  stream.on('error', () => {})
  return { [Symbol.asyncIterator]: () => bodyIterator(stream, translate) }
}

function bodyIterator(stream: Readable, translate: (thrown: unknown) => Error): AsyncIterator<Uint8Array> {
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>
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
