import { defineCommand } from '../../command.ts'
import { readInput } from '../../input/read.ts'
import { PEM_BYTES_MAX } from '../../limits.ts'

export const command = defineCommand<[name: string, file: string], { readonly untrusted?: boolean }>({
  examples: ['soma key import alice alice.pem', 'ssh build soma key show release --pem | soma key import release -'],
  configure: (command) =>
    void command
      .argument('<name>', 'name to keep it under')
      .argument('<file>', 'public key as PEM (a hybrid key is two blocks); - for standard input')
      .option('--untrusted', 'only know whose it is'),
  candidates: ['keys', 'files'],
  async run(ctx, { args: [name, file], options: { untrusted = false } }) {
    const publicPem = Buffer.from(await readInput(file, ctx.io.stdin, PEM_BYTES_MAX)).toString('utf8')
    const client = await ctx.connect()
    const output = await client.call('key.import', { name, publicPem, trusted: !untrusted }, { signal: ctx.signal })
    ctx.show(output, ({ key }) => [
      `imported ${key.name} (${key.algorithms.join(' and ')}), ${key.trusted ? 'trusted' : 'not trusted'}`,
      key.id,
    ])
  },
})
