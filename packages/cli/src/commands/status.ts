import type { CallOutput } from '@soma/spec'
import { type CommandContext, defineCommand } from '../command.ts'
import { type Column, formatFields, formatTable } from '../output/table.ts'
import { formatBytes, formatCount, formatDuration, plural } from '../output/units.ts'

type Status = CallOutput<'system.status'>

export const command = defineCommand({
  examples: ['soma status', 'soma status --json | jq .memory.rssBytes'],
  async run(ctx) {
    const client = await ctx.connect()
    const status = await client.call('system.status', {}, { signal: ctx.signal })
    ctx.show(status, () => render(status, ctx))
  },
})

function render(status: Status, { terminal, clock }: CommandContext): string[] {
  const { memory, disk, calls, processes } = status
  const { paint } = terminal
  const up = formatDuration(Math.max(0, clock.now() - status.startedAt))
  const fields = formatFields(
    [
      ...status.faces.map((face) => [face.kind, face.address] as const),
      ['home', status.home],
      [
        'memory',
        `${formatBytes(memory.rssBytes)} used by the daemon, ${formatBytes(memory.availableBytes)} of ${formatBytes(memory.totalBytes)} available`,
      ],
      ['disk', `${formatBytes(disk.blobBytes)} in ${plural(disk.blobs, 'blob')}, ${formatBytes(disk.freeBytes)} free`],
      ['models', `${formatCount(status.models)} installed`],
      ['calls', `${formatCount(calls.total)} made, ${formatCount(calls.failed)} failed, ${formatCount(calls.active)} under way`],
    ],
    paint,
  )
  const title = `${paint.bold(`Soma ${status.version}`)} is running: pid ${status.pid}, Node.js ${status.node}, up ${up}`
  const table = processes.length === 0 ? [] : ['', ...formatTable(processes, processColumns(clock.now()), terminal)]
  return [title, ...fields, ...table]
}

function processColumns(now: number): ReadonlyArray<Column<Status['processes'][number]>> {
  return [
    { title: 'pid', value: (process) => String(process.pid), align: 'right' },
    { title: 'engine', value: (process) => process.engine },
    { title: 'model', value: (process) => process.model ?? '', shrinks: true },
    { title: 'state', value: (process) => process.state },
    { title: 'memory', value: (process) => formatBytes(process.rssBytes), align: 'right' },
    { title: 'up', value: (process) => formatDuration(Math.max(0, now - process.startedAt)), align: 'right' },
  ]
}
