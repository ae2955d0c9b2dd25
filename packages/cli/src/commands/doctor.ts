import { isSomaError } from '@soma/core'
import { type Check, diagnose, gatherDoctorFacts } from '@soma/host'
import { type CommandContext, defineCommand } from '../command.ts'
import { inline, pad } from '../output/text.ts'

export const command = defineCommand({
  examples: ['soma doctor', 'soma doctor --json | jq \'.checks[] | select(.status != "ok")\''],
  async run(ctx) {
    const output = await examine(ctx)
    ctx.show(output, () => render(output.checks, ctx))
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

function render(checks: readonly Check[], { terminal: { paint } }: CommandContext): string[] {
  const marks = { ok: paint.green('ok  '), warn: paint.yellow('warn'), fail: paint.red('fail') }
  const width = Math.max(...checks.map((check) => check.title.length))
  return checks.flatMap(({ status, title, detail, remedy }) => [
    `${marks[status]}  ${pad(title, width)}  ${inline(detail)}`,
    ...(remedy === undefined ? [] : [`${' '.repeat(width + 8)}${paint.dim(inline(remedy))}`]),
  ])
}
