import { defineCommand } from '../../command.ts'
import { formatTree } from './tree.ts'

interface Options {
  readonly holder?: string
}

export const command = defineCommand<[], Options>({
  examples: ['soma capability list', 'soma capability list --holder anonymous'],
  configure: (command) => void command.option('--holder <principal>', 'only those of owner, anonymous or token:<id>'),
  async run(ctx, { options: { holder } }) {
    const client = await ctx.connect()
    const input = holder === undefined ? {} : { holder }
    const output = await client.call('capability.list', input, { signal: ctx.signal })
    ctx.show(output, ({ capabilities }) => (capabilities.length === 0 ? ['none'] : formatTree(capabilities, ctx)))
  },
})
