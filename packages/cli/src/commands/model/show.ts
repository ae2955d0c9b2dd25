import type { CallOutput, TensorSpec } from '@soma/spec'
import { type CommandContext, defineCommand } from '../../command.ts'
import { type Column, formatFields, formatTable } from '../../output/table.ts'
import { formatBytes, formatTime } from '../../output/units.ts'

type Shown = CallOutput<'model.show'>

interface Options {
  readonly manifest?: boolean
}

export const command = defineCommand<[model: string], Options>({
  examples: ['soma model show ocr', 'soma model show ocr --manifest > manifest.yaml'],
  configure: (command) =>
    void command.argument('<model>', 'name of the model').option('--manifest', 'print manifest.yaml and nothing else'),
  candidates: ['models'],
  async run(ctx, { args: [model], options }) {
    const client = await ctx.connect()
    const shown = await withSignature(ctx, await client.call('model.show', { model }, { signal: ctx.signal }))
    ctx.show(shown, () => (options.manifest ? [shown.manifestYaml.trimEnd()] : render(shown, ctx)))
  },
})

/** Some formats say what they take and give only when they are loaded; loading again what is loaded costs nothing. */
async function withSignature(ctx: CommandContext, shown: Shown): Promise<Shown> {
  if (shown.signature !== null || !shown.model.loaded) return shown
  const { signature } = await (await ctx.connect()).call('model.load', { model: shown.model.name }, { signal: ctx.signal })
  return { ...shown, signature }
}

function render({ model, files, signature }: Shown, { terminal }: CommandContext): string[] {
  const fields = formatFields(
    [
      ['from', model.reference],
      ['task', model.task],
      ['engine', `${model.engine} (${model.format})`],
      ['size', formatBytes(model.sizeBytes)],
      ['licence', model.licence ?? 'unknown'],
      ['digest', model.digest],
      ['installed', formatTime(model.installedAt)],
      ['state', model.loaded ? 'loaded' : 'on disk'],
    ],
    terminal.paint,
  )
  const tensors = signature && [
    ...signature.inputs.map((spec) => ({ spec, way: 'input' })),
    ...signature.outputs.map((spec) => ({ spec, way: 'output' })),
  ]
  return [
    `${terminal.paint.bold(model.name)} ${model.version}`,
    ...fields,
    '',
    ...formatTable(files, fileColumns, terminal),
    '',
    ...(tensors
      ? formatTable(tensors, tensorColumns, terminal)
      : ['inputs and outputs are known once the model is loaded: soma model load']),
  ]
}

const fileColumns: ReadonlyArray<Column<Shown['files'][number]>> = [
  { title: 'file', value: (file) => file.path, shrinks: true },
  { title: 'role', value: (file) => file.role ?? '' },
  { title: 'size', value: (file) => formatBytes(file.sizeBytes), align: 'right' },
  { title: 'digest', value: (file) => file.digest, shrinks: true },
]

const tensorColumns: ReadonlyArray<Column<{ readonly spec: TensorSpec; readonly way: string }>> = [
  { title: '', value: ({ way }) => way },
  { title: 'name', value: ({ spec }) => spec.name },
  { title: 'type', value: ({ spec }) => `${spec.dtype}${formatShape(spec.shape)}` },
  {
    title: 'notes',
    value: ({ spec }) => [spec.optional ? 'optional' : '', spec.finite ? 'finite' : '', spec.description ?? ''].filter(Boolean).join('; '),
    shrinks: true,
  },
]

function formatShape(shape: TensorSpec['shape']): string {
  return shape === null ? ' of any rank' : `[${shape.map((size) => (size === -1 ? 'any' : size)).join(', ')}]`
}
