import type { ForeignMoment, ForeignReply, ForeignStream } from '@soma/spec'
import { errorBody } from './errors.ts'

export function jsonReply(value: unknown, status = 200): ForeignReply {
  return { status, contentType: 'application/json', body: JSON.stringify(value) }
}

/** OpenAI's requests have ids in a header of this name, which its clients show. */
export function requestId({ callId }: ForeignMoment): Readonly<Record<string, string>> {
  return { 'x-request-id': callId }
}

/** One server-sent event as OpenAI writes them: data alone. */
export function serverSent(value: unknown): string {
  return `data: ${JSON.stringify(value)}\n\n`
}

/** A stream of server-sent events, whose last words after an error are the error. */
export function eventStream(parts: Pick<ForeignStream, 'event' | 'output'>): ForeignStream {
  return { ...parts, contentType: 'text/event-stream', error: (problem) => serverSent(errorBody(problem)), heartbeat: ': still here\n\n' }
}
