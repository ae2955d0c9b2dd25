import type { CallOptions, CallOutput } from '@soma/spec'
import { PrioritySchema, callNames, editionNames } from '@soma/spec'
import { settingTable } from '@soma/host'
import { Command, type Option } from 'commander'
import type { CandidateKind, Client, CommandContext, CommandModule } from '../command.ts'
import type { CommandEntry, CommandTable } from '../command-table.ts'
import { CANDIDATES_MAX, COMPLETION_MS_MAX } from '../limits.ts'

/** Options that take the next word as their value; completion must not count that word as an argument. */
const globalOptions = { flags: ['--json', '--help'], valued: ['--url', '--token', '--socket', '--home'] }

/** Tells the shell's script to offer file names itself: it knows quoting and tildes. */
export const FILES = '@files'

/**
 * What can come at the end of a command line.
 * @param words the words after `soma`, the last one unfinished and perhaps empty.
 */
export async function findCandidates(words: readonly string[], ctx: CommandContext): Promise<string[]> {
  const prefix = words.at(-1) ?? ''
  const before = words.slice(0, -1)
  const all = await candidatesFor(before, prefix, ctx)
  return all.filter((word) => word === FILES || word.startsWith(prefix)).slice(0, CANDIDATES_MAX)
}

async function candidatesFor(before: readonly string[], prefix: string, ctx: CommandContext): Promise<string[]> {
  const plain = operands(before, globalOptions.valued)
  const entry = findEntry(ctx.table, plain)
  if (!entry) return prefix.startsWith('-') ? [...globalOptions.flags, ...globalOptions.valued] : nextWords(ctx.table, plain)
  const module = await entry.load()
  const command = new Command(entry.path)
  module.configure?.(command)
  if (prefix.startsWith('-')) return [...command.options.flatMap(({ long }) => long ?? []), ...globalOptions.flags, ...globalOptions.valued]
  const valued = command.options.filter((option) => option.required || option.optional)
  const wanting = valued.find((option) => namesOf(option).includes(before.at(-1) ?? ''))
  const kind = wanting ? module.optionCandidates?.[wanting.long ?? ''] : argumentKind(command, module, positionOf(entry, before, valued))
  return kind === undefined ? [] : await candidatesOf(kind, prefix, ctx)
}

function namesOf({ long, short }: Option): string[] {
  return [long, short].filter((name) => name !== undefined)
}

/** Which argument of the command comes next. */
function positionOf(entry: CommandEntry, before: readonly string[], valued: readonly Option[]): number {
  return operands(before, [...globalOptions.valued, ...valued.flatMap(namesOf)]).length - entry.path.split(' ').length
}

function argumentKind(command: Command, { candidates }: CommandModule, position: number): CandidateKind | undefined {
  return candidates?.[position] ?? (command.registeredArguments.at(-1)?.variadic ? candidates?.at(-1) : undefined)
}

/** Words that are neither options nor their values. */
function operands(words: readonly string[], valued: ReadonlyArray<string | undefined>): string[] {
  return words.filter((word, index) => !word.startsWith('-') && !valued.includes(words[index - 1] ?? ''))
}

function findEntry({ commands }: CommandTable, words: readonly string[]): CommandEntry | undefined {
  return commands.find(({ path }) => path.split(' ').every((word, index) => words[index] === word))
}

function nextWords({ commands, nouns }: CommandTable, [noun]: readonly string[]): string[] {
  const shown = commands.filter(({ hidden }) => !hidden)
  if (noun === undefined) return [...new Set(shown.map(({ path }) => path.split(' ')[0] ?? ''))]
  if (!Object.hasOwn(nouns, noun)) return []
  return shown.filter(({ path }) => path.startsWith(`${noun} `)).map(({ path }) => path.split(' ')[1] ?? '')
}

async function candidatesOf(kind: CandidateKind, prefix: string, ctx: CommandContext): Promise<string[]> {
  if (kind === 'files' || (kind === 'references' && /^[./~]/.test(prefix))) return [FILES]
  if (kind === 'calls') return [...callNames]
  if (kind === 'editions') return [...editionNames]
  if (kind === 'priorities') return [...PrioritySchema.options]
  if (kind === 'settings') return settingTable.map(({ key }) => key)
  try {
    const signal = AbortSignal.any([ctx.signal, AbortSignal.timeout(COMPLETION_MS_MAX)])
    return await askDaemon[kind](await ctx.connect(), { signal })
  } catch {
    // No daemon, no answer in time, or no right to it: the shell is no place for an error message.
    return []
  }
}

type Asked = Exclude<CandidateKind, 'files' | 'calls' | 'settings' | 'editions' | 'priorities'>

const askDaemon: Readonly<Record<Asked, (client: Client, options: CallOptions) => Promise<string[]>>> = {
  models: async (client, options) =>
    (await client.call('model.list', {}, options)).models.flatMap(({ name, aliases }) => [name, ...aliases]),
  engines: async (client, options) => (await client.call('engine.list', {}, options)).engines.map(({ id }) => id),
  keys: async (client, options) => (await client.call('key.list', {}, options)).keys.map(({ name }) => name),
  sources: async (client, options) => (await client.call('source.list', {}, options)).sources.map(({ scheme }) => scheme),
  references: async (client, options) => (await client.call('source.list', {}, options)).sources.map(({ scheme }) => `${scheme}/`),
  capabilities: async (client, options) => (await client.call('capability.list', {}, options)).capabilities.map(({ id }) => id),
  tokens: async (client, options) => tokensOf((await client.call('capability.list', {}, options)).capabilities),
}

function tokensOf(capabilities: CallOutput<'capability.list'>['capabilities']): string[] {
  const holders = capabilities.map(({ holder }) => holder).filter((holder) => holder.startsWith('token:'))
  return [...new Set(holders)].map((holder) => holder.slice('token:'.length))
}
