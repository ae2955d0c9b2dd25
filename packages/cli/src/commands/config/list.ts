import type { Setting } from '@soma/host'
import { defineCommand } from '../../command.ts'
import { type Column, formatTable } from '../../output/table.ts'
import { readSettings } from './settings.ts'

export const command = defineCommand({
  examples: ['soma config list', 'soma config list --json | jq \'.settings[] | select(.source == "file")\''],
  async run(ctx) {
    const output = await readSettings(ctx)
    ctx.show(output, ({ path, settings }) => [
      ...formatTable(settings, columns(ctx.terminal.paint.bold), ctx.terminal),
      '',
      ctx.terminal.paint.dim(path),
    ])
  },
})

function columns(strong: (text: string) => string): ReadonlyArray<Column<Setting>> {
  return [
    { title: 'setting', value: ({ key }) => key },
    {
      title: 'value',
      value: ({ value }) => JSON.stringify(value),
      paint: (text, { source }) => (source === 'file' ? strong(text) : text),
      shrinks: true,
    },
    {
      title: 'default',
      value: ({ value, default: usual }) => (JSON.stringify(value) === JSON.stringify(usual) ? '' : JSON.stringify(usual)),
      shrinks: true,
    },
    { title: 'what it does', value: ({ description }) => description, shrinks: true },
  ]
}
