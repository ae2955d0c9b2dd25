import type { CallOutput } from '@soma/spec'
import { defineCommand } from '../../command.ts'
import { type Column, formatTable } from '../../output/table.ts'

export const command = defineCommand({
  examples: ['soma engine list'],
  async run(ctx) {
    const client = await ctx.connect()
    const output = await client.call('engine.list', {}, { signal: ctx.signal })
    ctx.show(output, ({ engines }) => formatTable(engines, columns, ctx.terminal))
  },
})

const columns: ReadonlyArray<Column<CallOutput<'engine.list'>['engines'][number]>> = [
  { title: 'engine', value: (engine) => engine.id },
  { title: 'version', value: (engine) => engine.version },
  { title: 'formats', value: (engine) => engine.formats.join(' '), shrinks: true },
  { title: 'tasks', value: (engine) => engine.tasks.join(' '), shrinks: true },
  { title: 'processes', value: (engine) => String(engine.processes), align: 'right' },
  { title: 'restarts', value: (engine) => String(engine.restarts), align: 'right' },
]
