import { type ResidencySetting, residencyModes } from '@soma/spec'

/** A residency as configuration and command lines write it: `persistent`, `timeout=300`. @throws {Error} when it is none. */
export function parseResidency(text: string): Omit<ResidencySetting, 'pinned'> {
  const [name, seconds] = text.split('=')
  const mode = residencyModes.find((one) => one === name)
  if (!mode) throw new Error(`no residency is called "${text}"`)
  return { mode, ...(seconds !== undefined && { seconds: Number(seconds) }) }
}

export function residencyText({ mode, seconds }: ResidencySetting): string {
  return seconds === undefined ? mode : `${mode}=${seconds}`
}
