import { abortError } from '@soma/core'
import { z } from 'zod'
import { answeredError } from '../../errors.ts'
import { readJson } from '../../http/read.ts'
import { CANCEL_MS_MAX, PREDICTION_EVERY_MS } from '../../limits.ts'
import type { Target } from '../api.ts'

const Prediction = z.object({
  id: z.string().regex(/^[\w-]+$/),
  status: z.string(),
  output: z.unknown().optional(),
  error: z.unknown().optional(),
  metrics: z
    .object({ input_token_count: z.number().int().nonnegative().optional(), output_token_count: z.number().int().nonnegative().optional() })
    .nullish(),
})
export type Prediction = z.output<typeof Prediction>

const running = new Set(['starting', 'processing'])

/**
 * Runs one prediction, and tells how it stands from time to time; the last one is whole.
 * It is cancelled at Replicate, where it costs money, when nobody waits for it any more.
 */
export async function* predict(
  target: Target,
  version: string,
  input: object,
  signal: AbortSignal,
): AsyncGenerator<Prediction, void, void> {
  const { connection, times } = target
  const body = { version, input }
  let now = await readJson(connection.origin, await connection.send('/predictions', { body, signal }), Prediction)
  try {
    while (running.has(now.status)) {
      yield now
      await times.sleep(PREDICTION_EVERY_MS, { signal }).catch(() => undefined)
      if (signal.aborted) throw abortError(signal)
      now = await readJson(connection.origin, await connection.send(`/predictions/${now.id}`, { method: 'GET', signal }), Prediction)
    }
    if (now.status !== 'succeeded')
      throw answeredError(connection.origin, 500, { message: `the prediction ${now.status}: ${String(now.error)}` }, undefined)
    yield now
  } finally {
    if (running.has(now.status)) await cancel(target, now.id)
  }
}

async function cancel({ connection, times }: Target, id: string): Promise<void> {
  const answer = await connection.send(`/predictions/${id}/cancel`, { signal: times.deadline(CANCEL_MS_MAX) }).catch(() => undefined)
  await answer?.body?.cancel()
}

/** What came out so far: a list of texts, whatever it was. */
export function textsOf(output: unknown): string[] {
  if (output === undefined || output === null) return []
  return (Array.isArray(output) ? (output as unknown[]) : [output]).map((item) => (typeof item === 'string' ? item : JSON.stringify(item)))
}
