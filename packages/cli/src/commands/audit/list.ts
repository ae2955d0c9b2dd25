import { defineCommand } from '../../command.ts'
import { formatEntry } from './entries.ts'

interface Options {
  readonly after?: string
  readonly call?: string
  readonly limit?: string
}

export const command = defineCommand<[], Options>({
  examples: ['soma audit list --limit 100', 'soma audit list --after 0 --json'],
  configure: (command) =>
    void command
      .option('--after <seq>', 'entries after this position, oldest first')
      .option('--call <id>', 'only the entries of one call')
      .option('--limit <count>', 'at most this many'),
  async run(ctx, { options: { after, call, limit } }) {
    const client = await ctx.connect()
    const input = {
      ...(after !== undefined && { afterSeq: Number(after) }),
      ...(call !== undefined && { call }),
      ...(limit !== undefined && { limit: Number(limit) }),
    }
    const output = await client.call('audit.list', input, { signal: ctx.signal })
    ctx.show(output, ({ entries }) => entries.map((entry) => formatEntry(entry, ctx)))
  },
})
