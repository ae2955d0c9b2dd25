import { defineCommand } from '../../command.ts'
import { formatBytes } from '../../output/units.ts'
import { watchAs } from './watch.ts'

export const command = defineCommand<[model: string, reference: string]>({
  examples: ['soma model publish ocr oci/registry.example.org/team/ocr:1.0', 'soma model publish ocr oci/localhost:5000/ocr'],
  notes: ['Credentials are those of `docker login`. What the registry has already is not sent again.'],
  configure: (command) =>
    void command.argument('<model>', 'name of the model').argument('<reference>', 'where: oci/<registry>/<repository>[:tag]'),
  candidates: ['models'],
  async run(ctx, { args: [model, reference] }) {
    const client = await ctx.connect()
    const output = await watchAs(
      ctx,
      client.stream('model.publish', { model, reference }, { signal: ctx.signal }),
      ({ path, sentBytes, sizeBytes, skipped }) =>
        skipped ? undefined : { type: 'download', path, receivedBytes: sentBytes, sizeBytes, resumedBytes: 0 },
      { words: { doing: 'sending', done: 'sent' } },
    )
    ctx.show(output, ({ reference, digest, sentBytes, skippedBytes }) => [
      `published ${model} as ${reference}: ${formatBytes(sentBytes)} sent${skippedBytes > 0 ? `, ${formatBytes(skippedBytes)} were there` : ''}`,
      ...(digest === null || reference.endsWith(digest) ? [] : [digest]),
    ])
  },
})
