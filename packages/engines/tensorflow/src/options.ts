import { SomaError } from '@soma/core'
import { inputError } from '@soma/spec'
import { z } from 'zod'

const SettingsSchema = z.strictObject({
  backend: z.enum(['auto', 'wasm', 'cpu']).default('auto'),
  signature: z.string().min(1).max(512).optional(),
})
export type Settings = z.output<typeof SettingsSchema>

/** @throws {SomaError} `config/invalid` naming the setting. */
export function readSettings(settings: Readonly<Record<string, unknown>>): Settings {
  const parsed = SettingsSchema.safeParse(settings)
  if (parsed.success) return parsed.data
  throw new SomaError('config/invalid', inputError(parsed.error.issues, 'what engine tensorflow is told').message)
}
