import { SomaError } from '@soma/core'
import { EventChannel } from './event-channel.ts'

/** What the work behind a stream of events may use. */
export interface Watched<Event> {
  /** Aborted when the caller's signal is, or when the reader leaves the stream early. */
  readonly signal: AbortSignal
  readonly report: (event: Event) => void
}

export interface WatchOptions<Event> {
  readonly signal: AbortSignal
  readonly keyOf: (event: Event) => string
}

/**
 * Runs `work` and yields what it reports; its result is the generator's. The work goes at its own pace however slowly
 * the events are read, and is over, cleaned up, when the generator ends for whatever reason.
 */
export async function* watch<Event, Result>(
  options: WatchOptions<Event>,
  work: (watched: Watched<Event>) => Promise<Result>,
): AsyncGenerator<Event, Result, void> {
  const left = new AbortController()
  const channel = new EventChannel<Event>(options.keyOf)
  const signal = AbortSignal.any([options.signal, left.signal])
  const result = work({ signal, report: (event) => channel.push(event) }).finally(() => channel.close())
  // Whoever leaves early does not hear of the failure; without this it would end the process.
  result.catch(() => undefined)
  try {
    yield* channel
  } finally {
    left.abort(new SomaError('call/cancelled', 'the caller stopped reading the events'))
    await result.catch(() => undefined)
  }
  return result
}
