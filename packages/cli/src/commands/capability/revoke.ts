import { defineCommand } from '../../command.ts'

export const command = defineCommand<[capability: string]>({
  examples: ['soma capability revoke cap_0123456789abcdef'],
  configure: (command) => void command.argument('<capability>', 'id, as `soma capability list` shows it'),
  candidates: ['capabilities'],
  async run(ctx, { args: [capability] }) {
    const client = await ctx.connect()
    const output = await client.call('capability.revoke', { capability }, { signal: ctx.signal })
    ctx.show(output, ({ revoked }) => [
      `revoked ${revoked.length} ${revoked.length === 1 ? 'capability' : 'capabilities'}`,
      ...revoked.map((id) => `  ${id}`),
    ])
  },
})
