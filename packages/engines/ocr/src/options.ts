import { SomaError } from '@soma/core'
import { z } from 'zod'
import { WORKING_PIXELS_MAX } from './limits.ts'

/** What whoever loads the model may set, as `LoadOptions.settings`. */
const SettingsSchema = z.strictObject({
  /** Pixels the picture is scaled down to for finding lines. 1,280 × 960 find 6-point print on A4, in 0.5 s on one core. */
  detectionPixels: z
    .number()
    .int()
    .min(32 * 32)
    .max(WORKING_PIXELS_MAX)
    .default(1280 * 960),
  /** Lines read less surely are left out: they are mostly no text at all. */
  confidenceMin: z.number().min(0).max(1).default(0.5),
  /** Whether a call may name a file of this machine instead of sending bytes. Off: it would read with the daemon's rights. */
  readPaths: z.boolean().default(false),
})
export type Settings = z.output<typeof SettingsSchema>

/** @throws {SomaError} `config/invalid` naming the setting. */
export function parseSettings(settings: Readonly<Record<string, unknown>>): Settings {
  const parsed = SettingsSchema.safeParse(settings)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const where = issue?.path.join('.') ?? ''
  throw new SomaError('config/invalid', `setting ${where === '' ? 'of the ocr engine' : `"${where}"`}: ${issue?.message ?? 'invalid'}`, {
    details: { setting: where },
  })
}
