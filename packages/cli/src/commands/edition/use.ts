import type { EditionName } from '@soma/spec'
import { defineCommand } from '../../command.ts'

export const command = defineCommand<[edition: EditionName]>({
  examples: ['soma edition use gaming'],
  configure: (command) => void command.argument('<edition>', 'name of the edition'),
  candidates: ['editions'],
  async run(ctx, { args: [edition] }) {
    const client = await ctx.connect()
    const output = await client.call('edition.use', { edition }, { signal: ctx.signal })
    ctx.show(output, ({ name }) => [`using the edition ${name}`])
    if (ctx.globals.json === true) return
    const { overridden, needsRestart } = output
    if (overridden.length > 0) ctx.terminal.note(`The configuration file says otherwise for ${overridden.join(', ')}; that holds.`)
    if (needsRestart) ctx.terminal.note('Some of it holds from the next start of the daemon: `soma stop`, then `soma serve --detach`.')
  },
})
