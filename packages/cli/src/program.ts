import { VERSION, errorCodes, toSomaError } from '@soma/core'
import { Command, CommanderError, type Option } from 'commander'
import type { CommandEntry, CommandTable } from './command-table.ts'
import type { CommandModule, GlobalOptions } from './command.ts'
import { soma } from './commands/registry.ts'
import { type ContextDeps, createContext } from './context.ts'
import { EXIT_USAGE, formatError, formatUsageError } from './output/errors.ts'
import { printableJson, wrap } from './output/text.ts'
import { type CliIo, type Terminal, createTerminal } from './terminal.ts'

export interface RunOptions extends ContextDeps {
  /** Which program this is; `soma` when absent. */
  readonly table?: CommandTable
}

/**
 * Runs one command line.
 * @param argv words after the program's name.
 * @returns the exit code; nothing is thrown.
 */
export async function runCli(argv: readonly string[], io: CliIo, { table = soma, ...deps }: RunOptions = {}): Promise<number> {
  const terminal = createTerminal(io)
  const exit = { code: 0 }
  const program = buildProgram(table, { io, terminal }, async (module, command) => {
    exit.code = await runCommand(module, command, { io, table, deps })
  })
  try {
    await program.parseAsync(withHelp(argv), { from: 'user' })
    return exit.code
  } catch (error) {
    return report(error, argv, { io, terminal, table })
  }
}

/** `soma` alone, and `soma help model run`, ask for help. */
function withHelp(argv: readonly string[]): string[] {
  if (argv.length === 0) return ['--help']
  return argv[0] === 'help' ? [...argv.slice(1), '--help'] : [...argv]
}

/** The options of `soma` itself that a command takes too, unless it has its own of that name. */
function visibleGlobalOptions(command: Command): Option[] {
  const own = new Set(command.options.map((option) => option.long))
  return (command.parent?.parent ?? command.parent)?.options.filter(({ long }) => long !== '--version' && !own.has(long)) ?? []
}

type Action = (module: CommandModule, command: Command) => Promise<void>

/** The tree of commands, by names and summaries alone. A command's own file is imported on the way to running it. */
function buildProgram(table: CommandTable, { io, terminal }: { io: CliIo; terminal: Terminal }, action: Action): Command {
  const program = new Command(table.name)
  program
    .description(table.description)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.text(text),
      // What commander has to say of a mistake is in the error it throws; help that was not asked for goes there too.
      writeErr: (text) => void (text.startsWith('error:') || io.stderr.write(text)),
      getOutHasColors: () => terminal.paint.bold('') !== '',
      ...(terminal.width !== Infinity && { getOutHelpWidth: () => terminal.width }),
    })
    .configureHelp({ showGlobalOptions: true, visibleGlobalOptions, styleTitle: (title) => terminal.paint.bold(title) })
    .helpCommand(false)
    .helpOption('-h, --help', 'show help')
    .version(VERSION, '-V, --version', 'print the version')
    .option('--json', 'print results as JSON')
    .option('--url <url>', 'address of the daemon, e.g. http://127.0.0.1:7662 (or SOMA_URL)')
    .option('--token <token>', 'bearer token for --url (or SOMA_TOKEN)')
    .option('--socket <path>', 'unix socket of the daemon (or SOMA_SOCKET)')
    .option('--home <folder>', 'folder of the installation (or SOMA_HOME)')
    .addHelpText('after', `\n${formatExamples(table.examples)}`)
  const groups = new Map<string, Command>()
  const prepared = new Map<Command, CommandEntry>()
  const prepare = async (_parent: Command, command: Command): Promise<void> => {
    const entry = prepared.get(command)
    if (entry) configure(command, await entry.load(), { action, terminal })
  }
  program.hook('preSubcommand', prepare)
  const groupOf = (noun: string): Command => groups.get(noun) ?? addGroup(noun)
  const addGroup = (noun: string): Command => {
    const group = program
      .command(noun)
      .description(table.nouns[noun] ?? '')
      .helpCommand(false)
    groups.set(noun, group.hook('preSubcommand', prepare))
    return group
  }
  for (const entry of table.commands) {
    const words = entry.path.split(' ')
    const parent = words.length === 1 ? program : groupOf(words[0] ?? '')
    const command = parent.command(words.at(-1) ?? '', { hidden: entry.hidden ?? false }).description(entry.summary)
    if (entry.group !== undefined) command.helpGroup(entry.group)
    prepared.set(command, entry)
  }
  return program
}

/** Longer lines are hard to read; commander has the same for help that goes to no terminal. */
const HELP_WIDTH = 80

/** Gives a command its arguments, options and help, from its own file. */
function configure(command: Command, module: CommandModule, { action, terminal }: { action: Action; terminal: Terminal }): void {
  module.configure?.(command)
  const notes = wrap(module.notes?.join(' ') ?? '', Math.min(terminal.width, HELP_WIDTH))
  command.addHelpText('after', [...(notes.length > 0 ? ['', ...notes] : []), '', formatExamples(module.examples)].join('\n'))
  command.action(async () => await action(module, command))
}

function formatExamples(examples: readonly string[]): string {
  return `${examples.length === 1 ? 'Example' : 'Examples'}:\n${examples.map((line) => `  $ ${line}`).join('\n')}`
}

async function runCommand(
  module: CommandModule,
  command: Command,
  { io, table, deps }: { io: CliIo; table: CommandTable; deps: ContextDeps },
): Promise<number> {
  const given = command.optsWithGlobals<GlobalOptions>()
  const globals = module.globals?.(given) ?? given
  await using ctx = createContext({ io, table, globals, startsDaemon: module.startsDaemon ?? false }, deps)
  return (await module.run(ctx, { args: command.processedArgs as unknown[], options: command.opts() })) ?? 0
}

/** Says what went wrong on standard error, as a JSON problem with --json. @returns the exit code. */
function report(
  error: unknown,
  argv: readonly string[],
  { io, terminal, table }: { io: CliIo; terminal: Terminal; table: CommandTable },
): number {
  if (error instanceof CommanderError) return reportUsage(error, argv, { terminal, table })
  const failure = toSomaError(error)
  if (wantsJson(argv)) terminal.note(printableJson(failure.toProblem()))
  else if (io.signal.aborted) terminal.note('cancelled')
  else terminal.note(formatError(failure, terminal))
  if (failure.code === 'internal' && io.env['SOMA_DEBUG'] && error instanceof Error) terminal.note(String(error.stack))
  return errorCodes[failure.code].exit
}

function wantsJson(argv: readonly string[]): boolean {
  return argv.some((word, index) => word === '--json' || word === '--format=json' || (word === 'json' && argv[index - 1] === '--format'))
}

function reportUsage(
  error: CommanderError,
  argv: readonly string[],
  { terminal, table: { name, commands } }: { terminal: Terminal; table: CommandTable },
): number {
  if (error.exitCode === 0) return 0
  if (error.code === 'commander.help') return EXIT_USAGE
  const words = argv.filter((word) => /^[a-z]/.test(word)).slice(0, 2)
  const known = commands.filter(({ path }) => path === words.join(' ') || path === words[0] || path.startsWith(`${words[0]} `))
  const path = known.find(({ path }) => path === words.join(' '))?.path ?? (known.length > 0 ? words[0] : undefined)
  const message = error.message.replace(/^error: /, '').replace('\n', ' ')
  terminal.note(formatUsageError(message, [name, path, '--help'].filter(Boolean).join(' '), terminal.stderrPaint))
  return EXIT_USAGE
}
