import { defineCommand } from '../../command.ts'
import { formatFields } from '../../output/table.ts'
import { inline } from '../../output/text.ts'
import { formatCount } from '../../output/units.ts'

export const command = defineCommand({
  examples: ['soma audit verify'],
  async run(ctx) {
    const client = await ctx.connect()
    const output = await client.call('audit.verify', {}, { signal: ctx.signal })
    const { paint } = ctx.terminal
    ctx.show(output, ({ ok, entries, checkpoints, records, problems, publicKeys }) => [
      ok
        ? `${paint.green('ok')}  the log and all records are what they were`
        : `${paint.red('altered')}  ${problems.length} problems were found`,
      ...problems.map(({ where, what }) => `    ${paint.red(inline(where))}  ${inline(what)}`),
      ...formatFields(
        [
          ['entries', formatCount(entries)],
          ['checkpoints', formatCount(checkpoints)],
          ['records', formatCount(records)],
          ['signed by', `ed25519 ${publicKeys.ed25519}`],
        ],
        paint,
      ),
    ])
    return output.ok ? 0 : 1
  },
})
