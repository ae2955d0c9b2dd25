import type { CallOutput } from '@soma/spec'
import { callNames } from '@soma/spec'
import { settingTable } from '@soma/host'
import { Command } from 'commander'
import type { CandidateKind, CommandContext } from '../command.ts'
import { type CommandEntry, commands, nouns } from '../commands/registry.ts'
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
  const entry = findEntry(plain)
  if (!entry) return prefix.startsWith('-') ? [...globalOptions.flags, ...globalOptions.valued] : nextWords(plain)
  const module = await entry.load()
  const command = new Command(entry.path)
  module.configure?.(command)
  if (prefix.startsWith('-')) return [...command.options.flatMap(({ long }) => long ?? []), ...globalOptions.flags, ...globalOptions.valued]
  const valued = command.options.filter((option) => option.required || option.optional).flatMap(({ long, short }) => [long, short])
  const depth = entry.path.split(' ').length
  const position = operands(before, [...globalOptions.valued, ...valued]).length - depth
  const kind = module.candidates?.[position] ?? (command.registeredArguments.at(-1)?.variadic ? module.candidates?.at(-1) : undefined)
  return kind === undefined ? [] : await candidatesOf(kind, ctx)
}

/** Words that are neither options nor their values. */
function operands(words: readonly string[], valued: ReadonlyArray<string | undefined>): string[] {
  return words.filter((word, index) => !word.startsWith('-') && !valued.includes(words[index - 1] ?? ''))
}

function findEntry(words: readonly string[]): CommandEntry | undefined {
  return commands.find(({ path }) => path.split(' ').every((word, index) => words[index] === word))
}

function nextWords([noun]: readonly string[]): string[] {
  if (noun === undefined) return [...new Set(commands.map(({ path }) => path.split(' ')[0] ?? ''))]
  if (!Object.hasOwn(nouns, noun)) return []
  return commands.filter(({ path }) => path.startsWith(`${noun} `)).map(({ path }) => path.split(' ')[1] ?? '')
}

async function candidatesOf(kind: CandidateKind, ctx: CommandContext): Promise<string[]> {
  if (kind === 'files') return [FILES]
  if (kind === 'calls') return [...callNames]
  if (kind === 'settings') return settingTable.map(({ key }) => key)
  try {
    return await askDaemon(kind, ctx)
  } catch {
    // No daemon, no answer in time, or no right to it: the shell is no place for an error message.
    return []
  }
}

async function askDaemon(kind: 'models' | 'engines' | 'capabilities' | 'tokens', ctx: CommandContext): Promise<string[]> {
  const signal = AbortSignal.any([ctx.signal, AbortSignal.timeout(COMPLETION_MS_MAX)])
  const client = await ctx.connect()
  if (kind === 'models') return (await client.call('model.list', {}, { signal })).models.map(({ name }) => name)
  if (kind === 'engines') return (await client.call('engine.list', {}, { signal })).engines.map(({ id }) => id)
  const { capabilities } = await client.call('capability.list', {}, { signal })
  return kind === 'capabilities' ? capabilities.map(({ id }) => id) : tokensOf(capabilities)
}

function tokensOf(capabilities: CallOutput<'capability.list'>['capabilities']): string[] {
  const holders = capabilities.map(({ holder }) => holder).filter((holder) => holder.startsWith('token:'))
  return [...new Set(holders)].map((holder) => holder.slice('token:'.length))
}
