import type { EngineOption } from '@soma/spec'
import { defineCommand } from '../../command.ts'
import { type Column, formatFields, formatTable } from '../../output/table.ts'

export const command = defineCommand<[engine: string]>({
  examples: ['soma engine show onnx'],
  configure: (command) => void command.argument('<engine>', 'id of the engine'),
  candidates: ['engines'],
  async run(ctx, { args: [id] }) {
    const client = await ctx.connect()
    const output = await client.call('engine.show', { engine: id }, { signal: ctx.signal })
    const { paint } = ctx.terminal
    ctx.show(output, ({ engine, support }) => [
      `${paint.bold(engine.id)} ${engine.version}  ${engine.title}`,
      ...formatFields(
        [
          ['here', support.supported ? `runs, on ${support.devices.join(', ')}` : `does not run: ${support.reason}`],
          ['formats', engine.formats.join(', ')],
          ['tasks', engine.tasks.join(', ')],
          ...(engine.converts ? [['converts to', engine.converts.join(', ')] as const] : []),
          ['processes', `${engine.processes}, restarted ${engine.restarts} times`],
        ],
        paint,
      ),
      ...(engine.options ? ['', ...formatTable(engine.options, optionColumns, ctx.terminal)] : []),
    ])
  },
})

const optionColumns: ReadonlyArray<Column<EngineOption>> = [
  { title: 'setting', value: ({ name }) => name },
  { title: 'type', value: ({ type, values }) => values?.join(' or ') ?? type },
  { title: 'default', value: (option) => (option.default === undefined || option.default === null ? '' : JSON.stringify(option.default)) },
  { title: 'what it does', value: ({ description }) => description, shrinks: true },
]
