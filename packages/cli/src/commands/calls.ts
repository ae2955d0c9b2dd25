import { SomaError } from '@soma/core'
import type { CallOutput } from '@soma/spec'
import { type CommandContext, defineCommand } from '../command.ts'
import { type Column, formatFields, formatTable } from '../output/table.ts'

type Row = CallOutput<'system.calls'>['calls'][number]

export const command = defineCommand<[name?: string]>({
  examples: ['soma calls', 'soma calls model.infer', 'soma calls model.infer --json | jq .calls[0].input'],
  configure: (command) => void command.argument('[name]', 'show only this call, with its schemas'),
  candidates: ['calls'],
  async run(ctx, { args: [name] }) {
    const client = await ctx.connect()
    const { calls } = await client.call('system.calls', {}, { signal: ctx.signal })
    const chosen = name === undefined ? calls : calls.filter((call) => call.name === name)
    const [only] = chosen
    if (!only) throw new SomaError('call/unknown', `there is no system call "${name}"`, { details: { name } })
    ctx.show({ calls: chosen }, () => (name === undefined ? formatTable(calls, columns, ctx.terminal) : describe(only, ctx)))
  },
})

const columns: ReadonlyArray<Column<Row>> = [
  { title: 'call', value: (call) => call.name },
  { title: 'http', value: (call) => call.http },
  { title: '', value: (call) => [call.streaming ? 'streams' : '', call.mutates ? 'changes' : ''].filter(Boolean).join(', ') },
  { title: 'what it does', value: (call) => call.summary, shrinks: true },
]

function describe(call: Row, { terminal: { paint } }: CommandContext): string[] {
  const kind = [call.streaming ? 'streams events' : 'answers once', call.mutates ? 'changes state' : 'changes nothing'].join(', ')
  return [
    `${paint.bold(call.name)}  ${call.summary}`,
    ...formatFields(
      [
        ['http', call.http],
        ['kind', kind],
        ['errors', call.errors.join(' ') || 'only those of every call'],
      ],
      paint,
    ),
    '',
    paint.dim('input'),
    ...JSON.stringify(call.input, null, 2).split('\n'),
    '',
    paint.dim('output'),
    ...JSON.stringify(call.output, null, 2).split('\n'),
  ]
}
