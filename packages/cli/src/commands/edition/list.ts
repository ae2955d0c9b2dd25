import { listEditions } from '@soma/host'
import type { CallOutput } from '@soma/spec'
import { defineCommand } from '../../command.ts'
import { type Column, formatTable } from '../../output/table.ts'
import { withDaemon } from '../config/settings.ts'

export const command = defineCommand({
  examples: ['soma edition list'],
  async run(ctx) {
    const output = await withDaemon<CallOutput<'edition.list'>>(
      ctx,
      async () => await (await ctx.connect()).call('edition.list', {}, { signal: ctx.signal }),
      () => ({ editions: listEditions(ctx.paths.configFile) }),
    )
    ctx.show(output, ({ editions }) => formatTable(editions, columns, ctx.terminal))
  },
})

const columns: ReadonlyArray<Column<CallOutput<'edition.list'>['editions'][number]>> = [
  { title: '', value: ({ used }) => (used ? '→' : '') },
  { title: 'edition', value: ({ name }) => name },
  { title: 'for', value: ({ summary }) => summary, shrinks: true },
]
