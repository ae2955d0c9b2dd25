import { defineCommand } from '../../command.ts'
import { describeKey } from './describe.ts'

export const command = defineCommand<[key: string], { readonly pem?: boolean }>({
  examples: ['soma key show release', 'soma key show release --pem > release.pem'],
  configure: (command) =>
    void command
      .argument('<key>', 'name or id of the key')
      .option('--pem', 'print the public half, for others to import, and nothing else'),
  candidates: ['keys'],
  async run(ctx, { args: [key], options }) {
    const client = await ctx.connect()
    const output = await client.call('key.show', { key }, { signal: ctx.signal })
    ctx.show(output, ({ key, publicPem }) => (options.pem ? [publicPem.trimEnd()] : describeKey(key, ctx)))
  },
})
