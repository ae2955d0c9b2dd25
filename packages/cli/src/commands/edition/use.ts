import { chooseEdition } from '@soma/host'
import { type CallOutput, type EditionName, editionNames } from '@soma/spec'
import { Argument } from 'commander'
import { defineCommand } from '../../command.ts'
import { withDaemon } from '../config/settings.ts'

export const command = defineCommand<[edition: EditionName]>({
  examples: ['soma edition use gaming'],
  configure: (command) => void command.addArgument(new Argument('<edition>', 'name of the edition').choices(editionNames)),
  candidates: ['editions'],
  async run(ctx, { args: [edition] }) {
    const output = await withDaemon<CallOutput<'edition.use'>>(
      ctx,
      async () => await (await ctx.connect()).call('edition.use', { edition }, { signal: ctx.signal }),
      // Nothing is to be started again: the first start finds it in the file.
      () => ({ name: edition, ...chooseEdition(ctx.paths.configFile, edition), needsRestart: false }),
    )
    ctx.show(output, ({ name }) => [`using the edition ${name}`])
    if (ctx.globals.json === true) return
    const { overridden, needsRestart } = output
    if (overridden.length > 0) ctx.terminal.note(`The configuration file says otherwise for ${overridden.join(', ')}; that holds.`)
    if (needsRestart) ctx.terminal.note('Some of it holds from the next start of the daemon: `soma stop`, then `soma serve --detach`.')
  },
})
