import type { CallOutput } from '@soma/spec'
import { type CommandContext, defineCommand } from '../../command.ts'
import { expandReference } from '../../input/reference.ts'
import { type Column, formatFields, formatTable } from '../../output/table.ts'
import { inline, wrap } from '../../output/text.ts'
import { formatBytes, plural } from '../../output/units.ts'

type Info = CallOutput<'model.info'>

export const command = defineCommand<[reference: string]>({
  examples: ['soma model info hf/bert-base-uncased', 'soma model info ollama/llama3.2 --json'],
  configure: (command) => void command.argument('<reference>', 'as for `soma model install`'),
  candidates: ['references'],
  async run(ctx, { args: [reference] }) {
    const client = await ctx.connect()
    const info = await client.call('model.info', { reference: expandReference(reference, process.cwd()) }, { signal: ctx.signal })
    ctx.show(info, () => render(info, ctx))
  },
})

function render(info: Info, { terminal }: CommandContext): string[] {
  const { paint } = terminal
  return [
    paint.bold(inline(info.reference)),
    ...(info.description === null ? [] : wrap(inline(info.description), terminal.width)),
    ...formatFields(fieldsOf(info), paint),
    ...info.warnings.map((warning) => paint.yellow(`warning: ${inline(warning)}`)),
    ...choiceOf(info, terminal),
    '',
    ...formatTable(info.files, fileColumns, terminal),
  ]
}

function fieldsOf(info: Info): Array<readonly [string, string]> {
  const fields: ReadonlyArray<readonly [string, string | null]> = [
    ['version', info.version],
    ['licence', info.licence ?? 'unknown'],
    ['task', info.task],
    ['format', info.format],
    ['engines', info.engines.length > 0 ? info.engines.join(', ') : info.format === null ? null : 'none here loads it'],
    ['size', formatSize(info)],
    ['homepage', info.homepage],
    ['installed', info.installed.length > 0 ? `as ${info.installed.join(', ')}` : null],
  ]
  return fields.filter((field): field is readonly [string, string] => field[1] !== null)
}

/** What it takes, and what of that has to come. */
function formatSize({ sizeBytes, storedBytes, freeBytes, files }: Info): string {
  const size = sizeBytes === null ? 'unknown' : formatBytes(sizeBytes)
  const stored = storedBytes > 0 ? `, ${formatBytes(storedBytes)} of it here already` : ''
  return `${size}, ${plural(files.length, 'file')}${stored}; ${formatBytes(freeBytes)} free`
}

type Choice = NonNullable<Info['choice']>

function choiceOf({ choice }: Info, terminal: CommandContext['terminal']): string[] {
  if (choice === null) return []
  const { paint } = terminal
  const columns: ReadonlyArray<Column<Choice['options'][number]>> = [
    { title: 'variant', value: ({ name }) => name, paint: (text, { name }) => (name === choice.chosen ? paint.bold(text) : text) },
    { title: 'size', value: ({ sizeBytes }) => (sizeBytes === null ? '' : formatBytes(sizeBytes)), align: 'right' },
    { title: 'install it with', value: ({ reference }) => reference },
  ]
  return [
    '',
    `${paint.bold(inline(choice.chosen))} would be taken: ${inline(choice.reason)}`,
    ...formatTable(choice.options, columns, terminal),
  ]
}

const fileColumns: ReadonlyArray<Column<Info['files'][number]>> = [
  { title: 'file', value: ({ path }) => path, shrinks: true },
  { title: 'size', value: ({ sizeBytes }) => (sizeBytes === null ? '' : formatBytes(sizeBytes)), align: 'right' },
  { title: '', value: ({ stored }) => (stored ? 'here already' : '') },
]
