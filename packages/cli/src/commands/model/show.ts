import type { CallOutput, TensorSpec } from '@soma/spec'
import { type CommandContext, defineCommand } from '../../command.ts'
import { type Column, formatFields, formatTable } from '../../output/table.ts'
import { inline, shortRevisions, wrap } from '../../output/text.ts'
import { formatBytes, formatDate, formatTime } from '../../output/units.ts'
import { knowledgeFields } from './knowledge.ts'

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

function render(shown: Shown, { terminal }: CommandContext): string[] {
  const { model, files, knowledge } = shown
  const { paint } = terminal
  const sections = [
    [
      `${paint.bold(model.name)} ${shortRevisions(model.version)}`,
      ...wrap(inline(knowledge?.summary ?? ''), terminal.width),
      ...formatFields(fieldsOf(shown), paint),
      ...(knowledge?.warnings ?? []).map((warning) => paint.yellow(`warning: ${inline(warning)}`)),
    ],
    formatTable(files, fileColumns, terminal),
    shown.versions.length === 0 ? [] : formatTable(shown.versions, versionColumns, terminal),
    signatureOf(shown, terminal),
  ]
  return sections.filter((section) => section.length > 0).flatMap((section, index) => (index === 0 ? section : ['', ...section]))
}

function fieldsOf({ model, knowledge, signers }: Shown): Array<readonly [string, string]> {
  return [
    ['from', model.reference],
    ['task', model.task],
    ['engine', `${model.engine ?? 'none here loads it'} (${model.format})`],
    ['size', formatBytes(model.sizeBytes)],
    ...(knowledge === null ? [] : knowledgeFields(knowledge)),
    ['licence', model.licence ?? 'unknown'],
    ...(signers.length > 0 ? [['signed by', signers.map(formatSigner).join('; ')] as const] : []),
    ['digest', model.digest],
    ['installed', formatTime(model.installedAt)],
    ['state', [model.loaded ? 'loaded' : 'on disk', ...(model.pinned ? ['pinned to this version'] : [])].join(', ')],
    ...(model.aliases.length > 0 ? [['aliases', model.aliases.join(', ')] as const] : []),
  ]
}

function formatSigner({ keyId, name, algorithm, trusted }: Shown['signers'][number]): string {
  return `${name ?? keyId.slice(0, 16)} (${algorithm}, ${trusted ? 'trusted' : name === null ? 'unknown key' : 'not trusted'})`
}

const fileColumns: ReadonlyArray<Column<Shown['files'][number]>> = [
  { title: 'file', value: (file) => file.path, shrinks: true },
  { title: 'role', value: (file) => file.role ?? '' },
  { title: 'size', value: (file) => formatBytes(file.sizeBytes), align: 'right' },
  { title: 'digest', value: (file) => file.digest, shrinks: true },
]

const versionColumns: ReadonlyArray<Column<Shown['versions'][number]>> = [
  { title: 'earlier', value: ({ version }) => shortRevisions(version) },
  { title: 'installed', value: ({ installedAt }) => formatDate(installedAt) },
  { title: 'digest', value: ({ digest }) => digest, shrinks: true },
  { title: 'from', value: ({ reference }) => reference, shrinks: true, optional: true },
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

function signatureOf({ model, signature }: Shown, terminal: CommandContext['terminal']): string[] {
  if (signature === null)
    return model.engine === null ? [] : [`inputs and outputs are known once it is loaded: soma model load ${model.name}`]
  const tensors = [
    ...signature.inputs.map((spec) => ({ spec, way: 'input' })),
    ...signature.outputs.map((spec) => ({ spec, way: 'output' })),
  ]
  return formatTable(tensors, tensorColumns, terminal)
}

function formatShape(shape: TensorSpec['shape']): string {
  return shape === null ? ' of any rank' : `[${shape.map((size) => (size === -1 ? 'any' : size)).join(', ')}]`
}
