import type { CallOutput } from '@soma/spec'
import { defineCommand } from '../../command.ts'
import { type Column, formatTable } from '../../output/table.ts'

export const command = defineCommand({
  examples: ['soma edition list'],
  async run(ctx) {
    const client = await ctx.connect()
    const output = await client.call('edition.list', {}, { signal: ctx.signal })
    ctx.show(output, ({ editions }) => formatTable(editions, columns, ctx.terminal))
  },
})

const columns: ReadonlyArray<Column<CallOutput<'edition.list'>['editions'][number]>> = [
  { title: '', value: ({ used }) => (used ? '→' : '') },
  { title: 'edition', value: ({ name }) => name },
  { title: 'for', value: ({ summary }) => summary, shrinks: true },
]
