import { defineCommand } from '../../command.ts'
import { describeKey } from './describe.ts'

export const command = defineCommand<[name: string]>({
  examples: ['soma key create release', 'soma key create release --json | jq -r .publicPem > release.pem'],
  notes: ['Ed25519 and ML-DSA-65 together: a signature holds as long as one of them does. The private half stays here.'],
  configure: (command) => void command.argument('<name>', 'lower-case letters, digits, dots, dashes'),
  async run(ctx, { args: [name] }) {
    const client = await ctx.connect()
    const output = await client.call('key.create', { name }, { signal: ctx.signal })
    ctx.show(output, ({ key }) => describeKey(key, ctx))
    if (ctx.globals.json !== true)
      ctx.terminal.note(`Others need its public half (soma key show ${name} --pem), and import it with soma key import.`)
  },
})
