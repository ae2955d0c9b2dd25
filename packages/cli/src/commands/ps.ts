import type { CallOutput, Resident } from '@soma/spec'
import { type CommandContext, defineCommand } from '../command.ts'
import { budgetFields, formatResidency } from '../output/residency.ts'
import { type Column, formatFields, formatTable } from '../output/table.ts'
import { formatBytes, formatDuration } from '../output/units.ts'

type Output = CallOutput<'model.resident'>

export const command = defineCommand({
  examples: ['soma ps', 'soma ps --json | jq \'.models[] | select(.state == "ready") | .model\''],
  async run(ctx) {
    const client = await ctx.connect()
    const output = await client.call('model.resident', {}, { signal: ctx.signal })
    ctx.show(output, () => render(output, ctx))
  },
})

function render({ models, budgets }: Output, { terminal, clock }: CommandContext): string[] {
  const now = clock.now()
  const columns: ReadonlyArray<Column<Resident>> = [
    { title: 'model', value: ({ model }) => model, shrinks: true },
    { title: 'engine', value: ({ engine }) => engine },
    { title: 'device', value: ({ device }) => device, optional: true },
    { title: 'state', value: ({ state }) => state },
    { title: 'memory', value: ({ memoryBytes }) => formatBytes(memoryBytes), align: 'right' },
    { title: 'calls', value: ({ running, waiting }) => (waiting > 0 ? `${running} +${waiting}` : String(running)), align: 'right' },
    { title: 'residency', value: ({ residency }) => formatResidency(residency) },
    {
      title: 'leaves',
      value: ({ leavesAt }) => (leavesAt === null ? '' : `in ${formatDuration(Math.max(0, leavesAt - now))}`),
      optional: true,
    },
    { title: 'why', value: ({ why }) => why, shrinks: true, optional: true },
  ]
  const table = models.length === 0 ? ['No model is in memory, and none is waited for.'] : formatTable(models, columns, terminal)
  return [...table, '', ...formatFields(budgetFields(budgets), terminal.paint)]
}
