import type { CallOutput } from '@soma/spec'
import { defineCommand } from '../../command.ts'
import { type Column, formatTable } from '../../output/table.ts'

export const command = defineCommand({
  examples: ['soma source list', "soma source list --json | jq -r '.sources[].scheme'"],
  async run(ctx) {
    const client = await ctx.connect()
    const output = await client.call('source.list', {}, { signal: ctx.signal })
    ctx.show(output, ({ sources }) =>
      formatTable(sources, sources.some(({ file }) => file !== null) ? [...columns, origin] : columns, ctx.terminal),
    )
  },
})

type Row = CallOutput<'source.list'>['sources'][number]

const columns: ReadonlyArray<Column<Row>> = [
  { title: 'source', value: ({ scheme }) => scheme },
  { title: 'what it is', value: ({ title }) => title, shrinks: true },
  { title: 'example', value: ({ example }) => example, shrinks: true },
  {
    title: 'also',
    value: ({ searchable, publishable }) => [searchable ? 'search' : '', publishable ? 'publish' : ''].filter(Boolean).join(', '),
  },
]

/** Of a source that is a file of the user's. */
const origin: Column<Row> = { title: 'loaded from', value: ({ file }) => file ?? '', shrinks: true, optional: true }
