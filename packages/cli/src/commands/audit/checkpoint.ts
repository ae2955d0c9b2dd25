import { defineCommand } from '../../command.ts'
import { formatFields } from '../../output/table.ts'
import { formatTime } from '../../output/units.ts'

export const command = defineCommand({
  examples: ['soma audit checkpoint', 'soma audit checkpoint --json > checkpoint.json'],
  async run(ctx) {
    const client = await ctx.connect()
    const output = await client.call('audit.checkpoint', {}, { signal: ctx.signal })
    ctx.show(output, ({ checkpoint }) => [
      `signed the log at entry ${checkpoint.seq}; keep the --json form elsewhere as proof`,
      ...formatFields(
        [
          ['hash', checkpoint.hash],
          ['at', formatTime(checkpoint.at)],
          ['ed25519', checkpoint.ed25519],
          ['ml-dsa-65', `${checkpoint.mlDsa65.slice(0, 64)}… (${checkpoint.mlDsa65.length} characters)`],
        ],
        ctx.terminal.paint,
      ),
    ])
  },
})
