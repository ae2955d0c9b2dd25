import { SomaError } from '@soma/core'
import { inputError } from '@soma/spec'
import { z } from 'zod'
import { VAD_BUFFER_SECONDS, WINDOW_SECONDS_MAX } from './limits.ts'

const Seconds = z.number().min(0).max(10)

/** What whoever loads the model may set; `index.ts` says what it is for. */
const SettingsSchema = z.strictObject({
  threshold: z.number().min(0.01).max(0.99).default(0.5),
  minSilenceSeconds: Seconds.default(0.25),
  minSpeechSeconds: Seconds.default(0.25),
  maxSpeechSeconds: z
    .number()
    .min(1)
    .max(VAD_BUFFER_SECONDS / 2)
    .default(20),
  windowSeconds: z.number().min(1).max(WINDOW_SECONDS_MAX).default(28),
  decoding: z.enum(['greedy', 'beam']).default('greedy'),
  espeakData: z.string().min(1).max(4096).nullable().default(null),
})
export type Settings = z.output<typeof SettingsSchema>

/** @throws {SomaError} `config/invalid` naming the setting. */
export function readSettings(settings: Readonly<Record<string, unknown>>): Settings {
  const parsed = SettingsSchema.safeParse(settings)
  if (parsed.success) return parsed.data
  throw new SomaError('config/invalid', inputError(parsed.error.issues, 'what engine speech is told').message)
}
