import { type Setting, editions, listSettings, setSettings } from '@soma/host'
import { type EditionName, type Handlers, editionNames } from '@soma/spec'

export interface EditionHandlerDeps {
  readonly configFile: string
  /** The configuration file was changed. */
  readonly configured: () => void
}

type EditionHandlers = {
  readonly [Name in keyof Handlers as Name extends `edition.${string}` ? Name : never]-?: NonNullable<Handlers[Name]>
}

/** The calls of the edition noun: named configurations, chosen in the configuration file. */
export function createEditionHandlers({ configFile, configured }: EditionHandlerDeps): EditionHandlers {
  return {
    'edition.list': () => {
      const used = usedEdition(listSettings(configFile))
      return { editions: editionNames.map((name) => ({ name, summary: editions[name].summary, used: name === used })) }
    },
    'edition.show': ({ edition }) => ({
      name: edition,
      summary: editions[edition].summary,
      used: edition === usedEdition(listSettings(configFile)),
      settings: editions[edition].settings.map(({ key, value, why }) => ({ key, value: plain(value), why })),
    }),
    'edition.use': ({ edition }, { effects }) => {
      const before = listSettings(configFile)
      setSettings(configFile, { 'edition.name': edition === 'standard' ? null : edition })
      const after = listSettings(configFile)
      effects.committed(configured)
      effects.emit({ name: 'system.configured', resource: 'system/configuration', data: { keys: ['edition.name'], edition } })
      return { name: edition, overridden: overridden(edition, after), needsRestart: needsRestart(before, after) }
    },
  }
}

function usedEdition(settings: readonly Setting[]): EditionName {
  return settings.find(({ key }) => key === 'edition.name')?.value as EditionName
}

/** What the file says otherwise. */
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
