import { SomaError, isSomaError } from '@soma/core'
import { isProcessAlive } from '@soma/host'
import { type CommandContext, defineCommand } from '../command.ts'
import { POLL_MS, STOP_MS_MAX } from '../limits.ts'

export const command = defineCommand({
  examples: ['soma stop'],
  async run(ctx) {
    const pid = await shutdown(ctx)
    if (pid !== undefined && ctx.local) await waitForEnd(ctx, pid)
    ctx.show({ stopped: pid !== undefined, pid: pid ?? null }, ({ stopped }) => [
      stopped ? `stopped (pid ${pid})` : 'no daemon was running',
    ])
  },
})

/** @returns the pid of the daemon that was told to stop; undefined when there was none. */
async function shutdown(ctx: CommandContext): Promise<number | undefined> {
  try {
    const client = await ctx.connect()
    const { pid } = await client.call('system.status', {}, { signal: ctx.signal })
    await client.call('system.shutdown', {}, { signal: ctx.signal })
    return pid
  } catch (error) {
    if (isSomaError(error, 'daemon/unreachable') && ctx.local) return undefined
    throw error
  }
}

async function waitForEnd({ clock, signal }: CommandContext, pid: number): Promise<void> {
  const deadline = clock.monotonic() + STOP_MS_MAX
  while (isProcessAlive(pid)) {
    if (clock.monotonic() > deadline)
      throw new SomaError(
        'call/timeout',
        `the daemon (pid ${pid}) has not ended after ${STOP_MS_MAX / 1000} s; look at its log, or end it with kill -9 ${pid}`,
      )
    await clock.sleep(POLL_MS, { signal })
  }
}
