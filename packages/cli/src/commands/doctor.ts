import { isSomaError } from '@soma/core'
import { diagnose, gatherDoctorFacts } from '@soma/host'
import type { Check } from '@soma/spec'
import { type CommandContext, defineCommand } from '../command.ts'
import { formatChecks } from '../output/checks.ts'

export const command = defineCommand({
  examples: ['soma doctor', 'soma doctor --json | jq \'.checks[] | select(.status != "ok")\''],
  async run(ctx) {
    const output = await examine(ctx)
    ctx.show(output, () => formatChecks(output.checks, ctx.terminal.paint))
    return output.checks.some((check) => check.status === 'fail') ? 1 : 0
  },
})

/** Asks the daemon, whose limits and environment are what counts; looks for itself when none runs. */
async function examine(ctx: CommandContext): Promise<{ checks: Check[] }> {
  try {
    const client = await ctx.connect()
    return await client.call('system.doctor', {}, { signal: ctx.signal })
  } catch (error) {
    if (!isSomaError(error, 'daemon/unreachable') || !ctx.local) throw error
    return { checks: diagnose(await gatherDoctorFacts(ctx.paths, { env: ctx.env, clock: ctx.clock })) }
  }
}
