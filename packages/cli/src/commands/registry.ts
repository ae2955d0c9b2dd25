import type { CommandModule } from '../command.ts'

/** One command as `soma --help` lists it; its file is imported only when it is used. */
export interface CommandEntry {
  /** `model install`. */
  readonly path: string
  readonly summary: string
  readonly load: () => Promise<CommandModule>
  /** Not listed. */
  readonly hidden?: boolean
}

/** Groups of commands, in the order of `soma --help`. */
export const nouns: Readonly<Record<string, string>> = {
  model: 'Install models, run them, look after them',
  engine: 'What can run models on this machine',
  audit: 'The tamper-evident log of every call',
  capability: 'Who may do what',
  token: 'Bearer tokens for programs and other machines',
  config: 'Settings',
}

export const commands: readonly CommandEntry[] = [
  { path: 'serve', summary: 'Start the daemon', load: async () => (await import('./serve.ts')).command },
  { path: 'status', summary: 'Show the daemon: addresses, memory, processes', load: async () => (await import('./status.ts')).command },
  { path: 'stop', summary: 'Stop the daemon; running calls finish first', load: async () => (await import('./stop.ts')).command },
  {
    path: 'doctor',
    summary: 'Find what is missing or odd, and what to do about it',
    load: async () => (await import('./doctor.ts')).command,
  },
  { path: 'model install', summary: 'Install a model from a source', load: async () => (await import('./model/install.ts')).command },
  { path: 'model list', summary: 'List installed models', load: async () => (await import('./model/list.ts')).command },
  {
    path: 'model show',
    summary: 'Show files, inputs, outputs and origin of a model',
    load: async () => (await import('./model/show.ts')).command,
  },
  { path: 'model run', summary: 'Run a model on files or values', load: async () => (await import('./model/run.ts')).command },
  { path: 'model verify', summary: 'Hash every file and name what changed', load: async () => (await import('./model/verify.ts')).command },
  { path: 'model load', summary: 'Load a model into memory now', load: async () => (await import('./model/load.ts')).command },
  { path: 'model unload', summary: 'Give a model’s memory back', load: async () => (await import('./model/unload.ts')).command },
  {
    path: 'model remove',
    summary: 'Remove a model and free its disk space',
    load: async () => (await import('./model/remove.ts')).command,
  },
  {
    path: 'engine list',
    summary: 'List engines, their formats and processes',
    load: async () => (await import('./engine/list.ts')).command,
  },
  { path: 'engine show', summary: 'Show whether an engine can run here', load: async () => (await import('./engine/show.ts')).command },
  { path: 'call', summary: 'Make any system call', load: async () => (await import('./call.ts')).command },
  { path: 'calls', summary: 'List the system calls, or show one', load: async () => (await import('./calls.ts')).command },
  { path: 'events', summary: 'Follow what happens, live', load: async () => (await import('./events.ts')).command },
  { path: 'audit tail', summary: 'Show the last audit entries; -f follows', load: async () => (await import('./audit/tail.ts')).command },
  { path: 'audit list', summary: 'List audit entries', load: async () => (await import('./audit/list.ts')).command },
  {
    path: 'audit verify',
    summary: 'Check the chain, the signatures and every record',
    load: async () => (await import('./audit/verify.ts')).command,
  },
  { path: 'audit checkpoint', summary: 'Sign the log’s present state', load: async () => (await import('./audit/checkpoint.ts')).command },
  {
    path: 'capability list',
    summary: 'Show capabilities as the tree they form',
    load: async () => (await import('./capability/list.ts')).command,
  },
  {
    path: 'capability derive',
    summary: 'Give somebody a weaker copy of one',
    load: async () => (await import('./capability/derive.ts')).command,
  },
  {
    path: 'capability revoke',
    summary: 'Revoke one and all derived from it',
    load: async () => (await import('./capability/revoke.ts')).command,
  },
  { path: 'token create', summary: 'Make a bearer token; it is shown once', load: async () => (await import('./token/create.ts')).command },
  { path: 'token list', summary: 'List tokens and what they can do', load: async () => (await import('./token/list.ts')).command },
  { path: 'token revoke', summary: 'Revoke a token', load: async () => (await import('./token/revoke.ts')).command },
  { path: 'config list', summary: 'List all settings', load: async () => (await import('./config/list.ts')).command },
  { path: 'config get', summary: 'Print one setting', load: async () => (await import('./config/get.ts')).command },
  { path: 'config set', summary: 'Change a setting, or restore its default', load: async () => (await import('./config/set.ts')).command },
  { path: 'config path', summary: 'Print where the configuration file is', load: async () => (await import('./config/path.ts')).command },
  { path: 'complete', summary: 'Print the completion script for a shell', load: async () => (await import('./complete.ts')).command },
  { path: 'version', summary: 'Print the versions of command and daemon', load: async () => (await import('./version.ts')).command },
]
