import { VERSION, isSomaError } from '@soma/core'
import { type CommandContext, defineCommand } from '../command.ts'

export const command = defineCommand({
  examples: ['soma version', 'soma --version'],
  async run(ctx) {
    const output = { command: VERSION, daemon: await daemonVersion(ctx), node: process.version }
    ctx.show(output, ({ command, daemon, node }) => [`command ${command}`, `daemon  ${daemon ?? 'not running'}`, `node    ${node}`])
  },
})

async function daemonVersion(ctx: CommandContext): Promise<string | null> {
  try {
    const client = await ctx.connect()
    return (await client.call('system.health', {}, { signal: ctx.signal })).version
  } catch (error) {
    if (isSomaError(error, 'daemon/unreachable')) return null
    throw error
  }
}
