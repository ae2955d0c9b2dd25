import type { CallOutput, EditionName } from '@soma/spec'
import { defineCommand } from '../../command.ts'
import { type Column, formatTable } from '../../output/table.ts'

export const command = defineCommand<[edition: EditionName]>({
  examples: ['soma edition show gaming'],
  configure: (command) => void command.argument('<edition>', 'name of the edition'),
  candidates: ['editions'],
  async run(ctx, { args: [edition] }) {
    const client = await ctx.connect()
    const output = await client.call('edition.show', { edition }, { signal: ctx.signal })
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
