import { SomaError } from '@soma/core'
import { type ResidencyMode, residencyModes } from '@soma/spec'

/**
 * Parses `timeout=120`, `swap`, `persistent` ….
 * @throws {SomaError} `call/invalid-input` naming the modes.
 */
export function parseResidency(text: string): { readonly mode: ResidencyMode; readonly seconds?: number } {
  const [, name = '', seconds] = /^([a-z]+)(?:=(\d{1,9}))?$/.exec(text) ?? []
  const mode = residencyModes.find((known) => known === name)
  if (!mode)
    throw new SomaError('call/invalid-input', `"${text}" is no residency; expected ${residencyModes.join(', ')}, or timeout=<seconds>`)
  return seconds === undefined ? { mode } : { mode, seconds: Number(seconds) }
}
