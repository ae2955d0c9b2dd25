export { type CommandEntry, commands } from './commands/registry.ts'
export { runCli } from './program.ts'
export type { CliIo, OutputStream } from './terminal.ts'
