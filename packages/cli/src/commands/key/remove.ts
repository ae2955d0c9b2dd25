import { defineCommand } from '../../command.ts'

export const command = defineCommand<[key: string]>({
  examples: ['soma key remove alice'],
  notes: ['Signatures made with it stay with their packages, and are no longer known here.'],
  configure: (command) => void command.argument('<key>', 'name or id of the key'),
  candidates: ['keys'],
  async run(ctx, { args: [key] }) {
    const client = await ctx.connect()
    const output = await client.call('key.remove', { key }, { signal: ctx.signal })
    ctx.show(output, ({ key: { name, id } }) => [`removed ${name} (${id.slice(0, 16)})`])
  },
})
