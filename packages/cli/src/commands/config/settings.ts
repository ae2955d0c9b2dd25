import { isSomaError } from '@soma/core'
import { type Setting, type SettingChanges, listSettings, setSettings } from '@soma/host'
import type { CommandContext } from '../../command.ts'

/**
 * Settings are the daemon's to tell and to change, so that changes are audited. Where none runs yet, the file is read and
 * written directly: its port must be settable before the first start.
 */
export async function readSettings(ctx: CommandContext): Promise<{ path: string; settings: Setting[] }> {
  return await withDaemon(
    ctx,
    async () => await (await ctx.connect()).call('system.configuration', {}, { signal: ctx.signal }),
    () => ({ path: ctx.paths.configFile, settings: listSettings(ctx.paths.configFile) }),
  )
}

interface Written {
  readonly settings: Setting[]
  readonly daemonRuns: boolean
}

/** @returns the changed settings, and whether a running daemon still has the old ones. */
export async function writeSettings(ctx: CommandContext, set: SettingChanges): Promise<Written> {
  return await withDaemon<Written>(
    ctx,
    async () => ({ ...(await (await ctx.connect()).call('system.configure', { set }, { signal: ctx.signal })), daemonRuns: true }),
    () => ({ settings: setSettings(ctx.paths.configFile, set), daemonRuns: false }),
  )
}

/** What a daemon answers, or what the configuration file alone says where none runs. */
export async function withDaemon<T>(ctx: CommandContext, remote: () => Promise<T>, local: () => T): Promise<T> {
  try {
    return await remote()
  } catch (error) {
    if (isSomaError(error, 'daemon/unreachable') && ctx.local) return local()
    throw error
  }
}
