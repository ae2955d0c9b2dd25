import type { CommandTable } from '../command-table.ts'
import type { CommandModule } from '../command.ts'

/** A command of `soma` that Axon has, too, under examples of Axon's. */
function like(load: () => Promise<{ readonly command: CommandModule }>, ...examples: string[]): () => Promise<CommandModule> {
  return async () => {
    const [{ axonCommand }, { command }] = await Promise.all([import('./command.ts'), load()])
    return { ...axonCommand({ ...command, startsDaemon: false }), examples }
  }
}

/** The same for those that need the daemon. */
function served(load: () => Promise<{ readonly command: CommandModule }>, ...examples: string[]): () => Promise<CommandModule> {
  return async () => ({ ...(await like(load, ...examples)()), startsDaemon: true })
}

/** Axon's verbs over the commands of `soma`: for who comes from there, and for scripts and tutorials that were written for it. */
export const axon: CommandTable = {
  name: 'axon',
  description: 'Install and run models from any hub. The same as `soma model`, in the words of Axon.',
  examples: ['axon install hf/bert-base-uncased@latest', 'axon register hf/bert-base-uncased@latest', 'axon list'],
  nouns: { cache: 'What models take on the disk', config: 'Settings', registry: 'Where models come from' },
  commands: [
    { path: 'init', summary: 'Make the folders, and say where they are', load: async () => (await import('./commands/init.ts')).command },
    { path: 'install', summary: 'Install a model', load: async () => (await import('./commands/install.ts')).command },
    {
      path: 'search',
      summary: 'Search all sources at once',
      load: served(async () => await import('../commands/model/search.ts'), 'axon search resnet', 'axon search "image classification"'),
    },
    { path: 'info', summary: 'Show what is known of a model', load: async () => (await import('./commands/info.ts')).command },
    { path: 'list', summary: 'List installed models', load: async () => (await import('./commands/list.ts')).command },
    { path: 'uninstall', summary: 'Remove a model', load: async () => (await import('./commands/uninstall.ts')).command },
    { path: 'update', summary: 'Install the newer version', load: async () => (await import('./commands/update.ts')).command },
    { path: 'verify', summary: 'Hash every file, name what changed', load: async () => (await import('./commands/verify.ts')).command },
    { path: 'publish', summary: 'Put a model into a registry', load: async () => (await import('./commands/publish.ts')).command },
    {
      path: 'register',
      summary: 'Make a model ready to run: find its engine, try it',
      load: async () => (await import('./commands/register.ts')).command,
    },
    {
      path: 'cache list',
      summary: 'List installed models',
      load: served(async () => await import('../commands/model/list.ts'), 'axon cache list'),
    },
    {
      path: 'cache stats',
      summary: 'Show who uses the disk',
      load: served(async () => await import('../commands/model/du.ts'), 'axon cache stats'),
    },
    {
      path: 'cache clean',
      summary: 'Remove what nothing uses any more',
      load: served(async () => await import('../commands/model/gc.ts'), 'axon cache clean', 'axon cache clean --dry-run'),
    },
    {
      path: 'config list',
      summary: 'List all settings',
      load: like(async () => await import('../commands/config/list.ts'), 'axon config list'),
    },
    {
      path: 'config get',
      summary: 'Print one setting',
      load: like(async () => await import('../commands/config/get.ts'), 'axon config get install.parallel'),
    },
    {
      path: 'config set',
      summary: 'Change a setting, or restore its default',
      load: like(async () => await import('../commands/config/set.ts'), 'axon config set install.parallel 8'),
    },
    {
      path: 'registry list',
      summary: 'List where models come from',
      load: async () => (await import('./commands/registry-list.ts')).command,
    },
    {
      path: 'registry set',
      summary: 'Say where the Axon registry is',
      load: async () => (await import('./commands/registry-set.ts')).command,
    },
    {
      path: 'complete',
      summary: 'Print the completion script for a shell',
      load: like(async () => await import('../commands/complete.ts'), 'source <(axon complete bash)'),
    },
    {
      path: 'version',
      summary: 'Print the versions of command and daemon',
      load: like(async () => await import('../commands/version.ts'), 'axon version'),
    },
  ],
}
