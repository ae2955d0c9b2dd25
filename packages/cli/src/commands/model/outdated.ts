import type { CallOutput } from '@soma/spec'
import { type CommandContext, defineCommand } from '../../command.ts'
import { type Column, formatTable } from '../../output/table.ts'
import { shortRevisions } from '../../output/text.ts'
import { formatBytes, plural } from '../../output/units.ts'

type Row = CallOutput<'model.outdated'>['models'][number]

export const command = defineCommand<[model?: string]>({
  examples: ['soma model outdated', "soma model outdated --json | jq -r '.models[] | select(.available) | .name'"],
  configure: (command) => void command.argument('[model]', 'name of the model; all when absent'),
  candidates: ['models'],
  async run(ctx, { args: [model] }) {
    const client = await ctx.connect()
    const output = await client.call('model.outdated', model === undefined ? {} : { model }, { signal: ctx.signal })
    ctx.show(output, ({ models, checked }) => {
      if (models.length > 0) return formatTable(models, columns(ctx), ctx.terminal)
      return [`${plural(checked, 'model')} checked: everything is up to date`]
    })
  },
})

function columns({ terminal: { paint } }: CommandContext): ReadonlyArray<Column<Row>> {
  return [
    { title: 'name', value: ({ name }) => name },
    { title: 'version', value: ({ version }) => shortRevisions(version), shrinks: true },
    {
      title: 'newer',
      value: ({ available }) => shortRevisions(available?.version ?? '?'),
      paint: (text) => paint.bold(text),
      shrinks: true,
    },
    {
      title: 'size',
      value: ({ available }) => formatSize(available?.sizeBytes),
      align: 'right',
    },
    { title: 'notes', value: ({ pinned, error }) => [pinned ? 'pinned' : '', error ?? ''].filter(Boolean).join('; '), shrinks: true },
    {
      title: 'from',
      value: ({ reference, available }) => shortRevisions(available?.reference ?? reference),
      shrinks: true,
      optional: true,
    },
  ]
}

function formatSize(sizeBytes: number | null | undefined): string {
  return typeof sizeBytes === 'number' ? formatBytes(sizeBytes) : ''
}
