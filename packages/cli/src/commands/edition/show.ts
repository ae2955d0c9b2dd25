import { showEdition } from '@soma/host'
import { type CallOutput, type EditionName, editionNames } from '@soma/spec'
import { Argument } from 'commander'
import { defineCommand } from '../../command.ts'
import { type Column, formatTable } from '../../output/table.ts'
import { withDaemon } from '../config/settings.ts'

export const command = defineCommand<[edition: EditionName]>({
  examples: ['soma edition show gaming'],
  configure: (command) => void command.addArgument(new Argument('<edition>', 'name of the edition').choices(editionNames)),
  candidates: ['editions'],
  async run(ctx, { args: [edition] }) {
    const output = await withDaemon<CallOutput<'edition.show'>>(
      ctx,
      async () => await (await ctx.connect()).call('edition.show', { edition }, { signal: ctx.signal }),
      () => showEdition(ctx.paths.configFile, edition),
    )
    ctx.show(output, ({ name, summary, used, settings }) => [
      `${ctx.terminal.paint.bold(name)}${used ? ' (in use)' : ''}  ${summary}`,
      ...(settings.length === 0 ? ['It changes no setting.'] : ['', ...formatTable(settings, columns, ctx.terminal)]),
    ])
  },
})

const columns: ReadonlyArray<Column<CallOutput<'edition.show'>['settings'][number]>> = [
  { title: 'setting', value: ({ key }) => key },
  { title: 'value', value: ({ value }) => JSON.stringify(value), shrinks: true },
  { title: 'why', value: ({ why }) => why, shrinks: true },
]
