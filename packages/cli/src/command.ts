import type { Clock } from '@soma/core'
import type { SomaPaths } from '@soma/host'
import type { Calls } from '@soma/spec'
import type { Command } from 'commander'
import type { CommandTable } from './command-table.ts'
import type { CliIo, Terminal } from './terminal.ts'

/** Options that every command takes. */
export interface GlobalOptions {
  readonly json?: boolean
  readonly url?: string
  readonly token?: string
  readonly socket?: string
  readonly home?: string
}

/** A connection to a daemon. */
export type Client = Calls & AsyncDisposable

/** Everything a command may use. */
export interface CommandContext {
  /** The program this is, with all its commands. */
  readonly table: CommandTable
  readonly io: CliIo
  readonly terminal: Terminal
  readonly globals: GlobalOptions
  /** The environment, with --home applied. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly paths: SomaPaths
  /** The daemon is the one of this machine, reached by its socket: its files and process can be looked at. */
  readonly local: boolean
  readonly clock: Clock
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal
  /** The daemon that the options and the environment point at. One connection a command, closed when it ends. */
  connect(): Promise<Client>
  /** Shows a result: as a JSON document with --json, else the lines that `render` makes of it. */
  show<Output>(output: Output, render: (output: Output) => readonly string[]): void
}

/** What can stand for an argument, for completion. */
export type CandidateKind =
  | 'models'
  | 'engines'
  | 'calls'
  | 'settings'
  | 'capabilities'
  | 'tokens'
  | 'keys'
  | 'sources'
  | 'references'
  | 'editions'
  | 'priorities'
  | 'files'

/** A command's words after its name, as commander parsed them. */
export interface CommandInput<Args extends readonly unknown[], Options extends object> {
  readonly args: Args
  readonly options: Options
}

/** One command: a file under `commands/`, imported when it is used. */
export interface CommandModule<Args extends readonly unknown[] = readonly unknown[], Options extends object = object> {
  /** Whole command lines, for --help. */
  readonly examples: readonly string[]
  /** Sentences of --help before the examples: what names and options alone do not say. */
  readonly notes?: readonly string[]
  /** Declares arguments and options. */
  readonly configure?: (command: Command) => void
  /** What completes each argument in turn; the last one repeats. */
  readonly candidates?: readonly CandidateKind[]
  /** What completes the values of options, by long name. */
  readonly optionCandidates?: Readonly<Record<string, CandidateKind>>
  /** Starts the local daemon when none runs, instead of failing. */
  readonly startsDaemon?: boolean
  /** The global options that its own options stand for. */
  readonly globals?: (options: GlobalOptions) => GlobalOptions
  /** @returns an exit code when it is not 0. Failures are thrown. */
  readonly run: (ctx: CommandContext, input: CommandInput<Args, Options>) => Promise<number | undefined | void>
}

/**
 * Declares a command. `Args` and `Options` say what `configure` makes commander produce; this is the one place that
 * believes it.
 */
export function defineCommand<Args extends readonly unknown[] = [], Options extends object = object>(
  module: CommandModule<Args, Options>,
): CommandModule {
  return module as unknown as CommandModule
}

/** For options that may be given more than once. */
export function collect(value: string, previous: readonly string[] | undefined): readonly string[] {
  return [...(previous ?? []), value]
}
