import { type CommandModule, type GlobalOptions, defineCommand } from '../command.ts'

/**
 * Declares one of Axon's verbs: Axon's words and flags on the way in, a command of `soma` behind it. Who uses Axon knows of no
 * daemon, so one is started when none runs; and results are printed as `--format` says.
 */
export function axonCommand<Args extends readonly unknown[] = [], Options extends object = object>(
  module: CommandModule<Args, Options>,
): CommandModule {
  return defineCommand<Args, Options>({
    startsDaemon: true,
    ...module,
    configure: (command) => {
      module.configure?.(command)
      // `install` has a --format of another meaning, as in Axon.
      if (command.options.some(({ long }) => long === '--format')) return
      command.addOption(command.createOption('--format <format>', 'how to print results').choices(['text', 'json']).default('text'))
    },
    globals: (options: GlobalOptions & { readonly format?: string }) => (options.format === 'json' ? { ...options, json: true } : options),
  })
}
