import type { Config, EditionName } from '@soma/spec'

/** One setting of an edition. */
export interface EditionSetting {
  /** `models.warmSpares`. */
  readonly key: string
  readonly section: string
  readonly name: string
  readonly value: string | number | boolean | readonly string[]
  /** One sentence. */
  readonly why: string
}

/** A named configuration. */
export interface Edition {
  readonly summary: string
  readonly settings: readonly EditionSetting[]
}

/** What each edition sets where the configuration file says nothing. */
export const editions: Readonly<Record<EditionName, Edition>> = {
  standard: { summary: 'A machine that is used for many things: the defaults.', settings: [] },
  gaming: {
    summary: 'Games come first: models leave soon, and nothing is kept ready.',
    settings: [
      set('models', 'residency', 'timeout=60', 'A game that starts finds memory free already.'),
      set('models', 'warmSpares', 0, 'A process that waits takes memory and nothing else.'),
      set('foreground', 'enabled', true, 'Whatever is in memory leaves when a game starts.'),
    ],
  },
  developer: {
    summary: 'Programs under development call models all day: answers begin at once, and more is kept to go back to.',
    settings: [
      set('models', 'residency', 'timeout=3600', 'The next try comes after some thinking, and shall not wait for a load.'),
      set('models', 'warmSpares', 2, 'Models are exchanged often.'),
      set('install', 'keepVersions', 3, 'Results of before an update can be had again.'),
      set('foreground', 'enabled', false, 'Building and testing are not interrupted by a recording.'),
      set('log', 'level', 'debug', 'What a call did can be looked up.'),
    ],
  },
  creator: {
    summary: 'Pictures, sound and film: models stay between two uses, and leave while something renders.',
    settings: [
      set('models', 'residency', 'timeout=1200', 'Models are used again after a look at the result.'),
      set('foreground', 'enabled', true, 'A render needs the whole machine.'),
      set('models', 'warmSpares', 1, 'Tools of several kinds are used in turn.'),
    ],
  },
  minimal: {
    summary: 'Small boards and containers: as little memory, disk and network as possible.',
    settings: [
      set('models', 'residency', 'timeout=30', 'Memory is the scarcest there is.'),
      set('models', 'warmSpares', 0, 'A process that waits takes 50 MB and more.'),
      set('models', 'queueMax', 32, 'What could not be answered in minutes is better refused at once.'),
      set('install', 'parallel', 1, 'A slow disk writes one file faster than four.'),
      set('install', 'connections', 1, 'Each connection has buffers.'),
      set('install', 'keepVersions', 0, 'Earlier versions take as much space as the present one.'),
      set('http', 'connectionsMax', 128, 'Each connection has buffers.'),
    ],
  },
  security: {
    summary: 'What is said to models stays between them and who said it: confined engines, nothing kept, no network face.',
    settings: [
      set(
        'engines',
        'sandbox',
        'bubblewrap',
        'Engines get no network, no home, and models read-only. Engines that hand input on do not run.',
      ),
      set('engines', 'scrub', true, 'Prompts, answers and caches are overwritten after use.'),
      set('models', 'residency', 'dynamic', 'The process that held a prompt ends with the answer.'),
      set('models', 'resultCacheBytes', 0, 'No answer is kept for a second asker.'),
      set('http', 'enabled', false, 'Only programs of this user reach the socket.'),
      set('engines', 'remote', 'off', 'Nothing is sent to other servers.'),
      set('install', 'cloud', false, 'Nothing is sent to other people’s machines.'),
      set('install', 'signatures', 'warn', 'Whoever installs is told when nobody vouches for a package; enforce refuses it.'),
      set('log', 'level', 'warn', 'What is not written cannot be read.'),
    ],
  },
}

/** Typed, so that no edition names a setting that does not exist. */
function set<Section extends keyof Config, Name extends keyof Config[Section] & string>(
  section: Section,
  name: Name,
  value: Config[Section][Name] & EditionSetting['value'],
  why: string,
): EditionSetting {
  return { key: `${section}.${name}`, section, name, value, why }
}

/** A configuration file's tables, with what their edition says where they say nothing. */
export function withEdition(written: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const name = (written['edition'] as { readonly name?: unknown } | undefined)?.name
  const merged: Record<string, unknown> = { ...written }
  for (const { section, name: key, value } of editionOf(name)?.settings ?? []) {
    const body = merged[section] ?? {}
    // What is no table is refused by the schema, in the user's words.
    if (typeof body === 'object') merged[section] = { [key]: value, ...body }
  }
  return merged
}

function editionOf(name: unknown): Edition | undefined {
  return typeof name === 'string' && Object.hasOwn(editions, name) ? editions[name as EditionName] : undefined
}
