import type { CallInput } from '@soma/spec'
import { defineCommand } from '../../command.ts'
import { describeKey } from './describe.ts'

type Algorithm = CallInput<'key.create'>['algorithm']

export const command = defineCommand<[name: string], { readonly algorithm?: Algorithm }>({
  examples: ['soma key create release', 'soma key create release --json | jq -r .publicPem > release.pem'],
  notes: [
    'hybrid is Ed25519 and ML-DSA-65 together: who would forge its signatures has to break both. Those of ecdsa-p256 are also',
    'checked by the reference tool of OpenSSF Model Signing. The private half stays here.',
  ],
  configure: (command) =>
    void command
      .argument('<name>', 'lower-case letters, digits, dots, dashes')
      .addOption(command.createOption('--algorithm <algorithm>', 'kind of key').choices(['hybrid', 'ecdsa-p256']).default('hybrid')),
  async run(ctx, { args: [name], options: { algorithm } }) {
    const client = await ctx.connect()
    const output = await client.call('key.create', { name, ...(algorithm && { algorithm }) }, { signal: ctx.signal })
    ctx.show(output, ({ key }) => describeKey(key, ctx))
    if (ctx.globals.json !== true)
      ctx.terminal.note(`Others need its public half (soma key show ${name} --pem), and import it with soma key import.`)
  },
})
