import type { CallStream } from '@soma/spec'

/**
 * A stream as a peer answers it: events yielded, output returned. Nothing else is translated between the table and
 * this face: frames carry every value of the table as it is, tensors as attachments.
 */
export async function* answerEvents(stream: CallStream<unknown, unknown>): AsyncGenerator<unknown, unknown, void> {
  yield* stream
  return stream.output
}
