import { chooseEdition, listEditions, showEdition } from '@soma/host'
import type { Handlers } from '@soma/spec'

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
    'edition.list': () => ({ editions: listEditions(configFile) }),
    'edition.show': ({ edition }) => showEdition(configFile, edition),
    'edition.use': ({ edition }, { effects }) => {
      const outcome = chooseEdition(configFile, edition)
      effects.committed(configured)
      effects.emit({ name: 'system.configured', resource: 'system/configuration', data: { keys: ['edition.name'], edition } })
      return { name: edition, ...outcome }
    },
  }
}
