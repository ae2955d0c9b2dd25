import type { EngineContext, TranscribeEvent, TranscribeRequest, TranscribeResult } from '@soma/spec'
import { z } from 'zod'
import { readJson } from '../../http/read.ts'
import type { Target } from '../api.ts'

const Seconds = z.coerce.number().nonnegative()
const Transcription = z.object({
  text: z.string(),
  language: z.string().nullish(),
  duration: Seconds.nullish(),
  segments: z.array(z.object({ start: Seconds, end: Seconds, text: z.string() })).nullish(),
})

/** `POST /audio/transcriptions`, or `/audio/translations` into English. */
export async function* transcribe(
  { connection, model }: Target,
  { audio, language, translate }: TranscribeRequest,
  { signal }: EngineContext,
): AsyncGenerator<TranscribeEvent, TranscribeResult, void> {
  const form = new FormData()
  // Servers go by the name’s ending where they go by it at all; what counts is in the bytes.
  form.set('file', new Blob([new Uint8Array(audio)]), 'recording.wav')
  form.set('model', model)
  form.set('response_format', 'verbose_json')
  if (language !== undefined) form.set('language', language)
  const response = await connection.send(translate ? '/audio/translations' : '/audio/transcriptions', { body: form, signal })
  const answer = await readJson(connection.origin, response, Transcription)
  const durationSeconds = answer.duration ?? answer.segments?.at(-1)?.end ?? 0
  const whole = [{ start: 0, end: durationSeconds, text: answer.text }]
  for (const { start, end, text } of answer.segments ?? whole) yield { segment: { startSeconds: start, endSeconds: end, text } }
  return { language: answer.language ?? null, durationSeconds }
}
