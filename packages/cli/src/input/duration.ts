import { SomaError } from '@soma/core'

const unitMs: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }

/**
 * Parses `45s`, `30m`, `12h`, `7d`, `2w` into milliseconds.
 * @throws {SomaError} `call/invalid-input`.
 */
export function parseDuration(text: string): number {
  const [, count, unit = ''] = /^(\d{1,6}(?:\.\d{1,3})?)([smhdw])$/.exec(text) ?? []
  const durationMs = Math.round(Number(count) * (unitMs[unit] ?? Number.NaN))
  if (durationMs > 0) return durationMs
  throw new SomaError('call/invalid-input', `"${text}" is not a length of time; expected a number and s, m, h, d or w, such as 7d`)
}
