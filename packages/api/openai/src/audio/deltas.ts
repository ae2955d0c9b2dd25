import type { CallEvent, CallOutput, ForeignStream } from '@soma/spec'
import { eventStream, serverSent } from '../reply.ts'

/** A transcription as it goes on, and once more as a whole. */
export function deltaStream(): ForeignStream {
  return eventStream({
    event: (value) => serverSent({ type: 'transcript.text.delta', delta: (value as CallEvent<'model.transcribe'>).segment.text }),
    output: (value) =>
      `${serverSent({ type: 'transcript.text.done', text: (value as CallOutput<'model.transcribe'>).text })}data: [DONE]\n\n`,
  })
}
