import { SomaError } from '@soma/core'
import type { CallOutput } from '@soma/spec'
import { type Client, type CommandContext, defineCommand } from '../../command.ts'
import { listSome, shortRevisions } from '../../output/text.ts'

type Version = CallOutput<'model.show'>['versions'][number]

export const command = defineCommand<[model: string], { readonly to?: string }>({
  examples: ['soma model rollback ocr', 'soma model rollback ocr --to 1.3.0'],
  notes: ['`soma model show` lists the earlier versions. The present one is kept in turn, so that this can be undone.'],
  configure: (command) =>
    void command
      .argument('<model>', 'name of the model')
      .option('--to <version>', 'an earlier version, or the beginning of its digest (default: the latest of them)'),
  candidates: ['models'],
  async run(ctx, { args: [model], options: { to } }) {
    const client = await ctx.connect()
    const digest = to === undefined ? {} : { digest: (await findVersion(ctx, client, { model, to })).digest }
    const output = await client.call('model.rollback', { model, ...digest }, { signal: ctx.signal })
    ctx.show(output, ({ model, from, to }) => [
      `${ctx.terminal.paint.bold(model.name)} went back from ${shortRevisions(from)} to ${shortRevisions(to)}`,
    ])
  },
})

async function findVersion(ctx: CommandContext, client: Client, { model, to }: { model: string; to: string }): Promise<Version> {
  const { versions } = await client.call('model.show', { model }, { signal: ctx.signal })
  const found = versions.filter(({ version, digest }) => version === to || digest === to || startsDigest(digest, to))
  const [first] = found
  if (first && found.length === 1) return first
  const have = versions.map(({ version, digest }) => `${shortRevisions(version)} (${shortRevisions(digest)})`)
  const what =
    found.length > 1 ? `more than one earlier version of ${model} is "${to}"; give its digest` : `${model} has no earlier version "${to}"`
  throw new SomaError(
    'model/no-version',
    have.length === 0 ? `no earlier version of ${model} is kept` : `${what}: there are ${listSome(have)}`,
    {
      details: { model, to },
    },
  )
}

/** At least as much as the eye compares. */
function startsDigest(digest: string, text: string): boolean {
  return text.replace(/^sha256:/, '').length >= 7 && (digest.startsWith(text) || digest.startsWith(`sha256:${text}`))
}
