import { type EditionName, editionNames } from '@soma/spec'
import { type Setting, listSettings, setSettings } from './config-file.ts'
import { editions } from './editions.ts'

/** An edition as people are told of it. */
export interface EditionSummary {
  readonly name: EditionName
  readonly summary: string
  /** Whether the configuration file names it. */
  readonly used: boolean
}

export function listEditions(configFile: string): EditionSummary[] {
  const used = listSettings(configFile).find(({ key }) => key === 'edition.name')?.value
  return editionNames.map((name) => ({ name, summary: editions[name].summary, used: name === used }))
}

/** An edition and what it sets, with the reasons. */
export function showEdition(configFile: string, edition: EditionName): EditionSummary & { settings: EditionChange[] } {
  const [summary] = listEditions(configFile).filter(({ name }) => name === edition)
  const settings = editions[edition].settings.map(({ key, value, why }) => ({ key, value: plain(value), why }))
  return { ...(summary ?? { name: edition, summary: '', used: false }), settings }
}

export interface EditionChange {
  readonly key: string
  readonly value: Setting['value']
  readonly why: string
}

/**
 * Names the edition in the configuration file.
 * @returns the settings of which the file says otherwise, and whether some hold only for a daemon that starts now.
 */
export function chooseEdition(configFile: string, edition: EditionName): { overridden: string[]; needsRestart: boolean } {
  const before = listSettings(configFile)
  setSettings(configFile, { 'edition.name': edition === 'standard' ? null : edition })
  const after = listSettings(configFile)
  return { overridden: overridden(edition, after), needsRestart: needsRestart(before, after) }
}

function overridden(edition: EditionName, settings: readonly Setting[]): string[] {
  const fromFile = new Map(settings.filter(({ source }) => source === 'file').map(({ key, value }) => [key, JSON.stringify(value)]))
  return editions[edition].settings
    .filter(({ key, value }) => fromFile.has(key) && fromFile.get(key) !== JSON.stringify(value))
    .map(({ key }) => key)
}

function needsRestart(before: readonly Setting[], after: readonly Setting[]): boolean {
  return after.some(({ key, value, needsRestart: late }, index) => {
    const was = before[index]
    return late && was?.key === key && JSON.stringify(was.value) !== JSON.stringify(value)
  })
}

function plain(value: string | number | boolean | readonly string[]): Setting['value'] {
  return typeof value === 'object' ? [...value] : value
}
