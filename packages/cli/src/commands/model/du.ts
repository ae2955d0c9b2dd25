import type { CallOutput } from '@soma/spec'
import { defineCommand } from '../../command.ts'
import { type Column, formatFields, formatTable } from '../../output/table.ts'
import { shortRevisions } from '../../output/text.ts'
import { formatBytes } from '../../output/units.ts'

type Usage = CallOutput<'model.usage'>

export const command = defineCommand({
  examples: ['soma model du', 'soma model du --json | jq .blobBytes'],
  notes: ['OWN is what removing a model frees; the rest of its size is shared with the models named.'],
  async run(ctx) {
    const client = await ctx.connect()
    const usage = await client.call('model.usage', {}, { signal: ctx.signal })
    ctx.show(usage, ({ models }) => [
      ...(models.length > 0 ? [...formatTable(models, columns, ctx.terminal), ''] : []),
      ...formatFields(totals(usage), ctx.terminal.paint),
    ])
  },
})

const columns: ReadonlyArray<Column<Usage['models'][number]>> = [
  { title: 'name', value: ({ name }) => name },
  { title: 'version', value: ({ version, previous }) => `${shortRevisions(version)}${previous ? ' (earlier)' : ''}`, shrinks: true },
  { title: 'size', value: ({ sizeBytes }) => formatBytes(sizeBytes), align: 'right' },
  { title: 'own', value: ({ ownBytes }) => formatBytes(ownBytes), align: 'right' },
  {
    title: 'shared with',
    value: ({ sharedWith }) => sharedWith.map(({ name, sizeBytes }) => `${name} (${formatBytes(sizeBytes)})`).join(', '),
    shrinks: true,
  },
]

function totals({ blobBytes, packageBytes, unusedBytes, partialBytes, freeBytes }: Usage): Array<readonly [string, string]> {
  const saved = packageBytes - (blobBytes - unusedBytes)
  return [
    ['on disk', `${formatBytes(blobBytes)}${saved > 0 ? `; ${formatBytes(saved)} more without sharing` : ''}`],
    ['unused', `${formatBytes(unusedBytes)}${unusedBytes > 0 ? '; soma model gc removes it' : ''}`],
    ...(partialBytes > 0
      ? [['unfinished', `${formatBytes(partialBytes)}; install again to go on, or soma model gc --partials`] as const]
      : []),
    ['free', formatBytes(freeBytes)],
  ]
}
