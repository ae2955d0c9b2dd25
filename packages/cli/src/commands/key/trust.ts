import { defineCommand } from '../../command.ts'

export const command = defineCommand<[key: string], { readonly off?: boolean }>({
  examples: ['soma key trust alice', 'soma key trust alice --off'],
  configure: (command) => void command.argument('<key>', 'name or id of the key').option('--off', 'stop trusting it'),
  candidates: ['keys'],
  async run(ctx, { args: [key], options: { off = false } }) {
    const client = await ctx.connect()
    const output = await client.call('key.trust', { key, trusted: !off }, { signal: ctx.signal })
    ctx.show(output, ({ key: { name, trusted } }) => [trusted ? `${name} is trusted` : `${name} is no longer trusted`])
  },
})
