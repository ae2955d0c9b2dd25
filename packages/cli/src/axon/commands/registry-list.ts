import { inline } from '../../output/text.ts'
import { type Column, formatTable } from '../../output/table.ts'
import { axonCommand } from '../command.ts'
import { readRegistry, registryFile } from '../registry-file.ts'

interface Row {
  readonly name: string
  readonly address: string
}

export const command = axonCommand({
  examples: ['axon registry list'],
  async run(ctx) {
    const { sources } = await (await ctx.connect()).call('source.list', {}, { signal: ctx.signal })
    const url = (await readRegistry(registryFile(ctx))) ?? null
    const rows = [
      { name: 'default', address: url ?? 'not set; axon registry set default <url>' },
      ...sources.map(({ scheme, title }) => ({ name: scheme, address: title })),
    ]
    ctx.show({ default: url, sources }, () => formatTable(rows, columns, ctx.terminal))
  },
})

const columns: ReadonlyArray<Column<Row>> = [
  { title: 'registry', value: ({ name }) => name },
  { title: 'what it is', value: ({ address }) => inline(address), shrinks: true },
]
