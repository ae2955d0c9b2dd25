import { defineCommand } from '../../command.ts'
import { shortRevisions } from '../../output/text.ts'
import { formatBytes, formatDate, plural } from '../../output/units.ts'

interface Options {
  readonly dryRun?: boolean
  readonly versions?: boolean
  readonly partials?: boolean
}

export const command = defineCommand<[], Options>({
  examples: ['soma model gc --dry-run', 'soma model gc', 'soma model gc --versions --partials'],
  notes: ['Installed models are never touched. Without options: files of no model, and downloads unfinished for over a week.'],
  configure: (command) =>
    void command
      .option('--dry-run', 'only say what would go')
      .option('--versions', 'also earlier versions kept for rollback')
      .option('--partials', 'also unfinished downloads of the last week'),
  async run(ctx, { options: { dryRun = false, versions = false, partials = false } }) {
    const client = await ctx.connect()
    const output = await client.call('model.collect', { dryRun, versions, partials }, { signal: ctx.signal })
    ctx.show(output, ({ freedBytes, blobs, versions }) => {
      if (blobs === 0 && versions.length === 0 && freedBytes === 0) return ['nothing to remove']
      return [
        ...versions.map(
          ({ name, version, installedAt }) =>
            `${dryRun ? 'would remove' : 'removed'} ${name} ${shortRevisions(version)} (installed ${formatDate(installedAt)})`,
        ),
        `${plural(blobs, 'file')} of no model ${dryRun ? 'would go' : 'went'}, ${formatBytes(freedBytes)} ${dryRun ? 'would be free' : 'freed'}`,
      ]
    })
  },
})
