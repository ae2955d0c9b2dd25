import { defineCommand } from '../../command.ts'
import { formatBytes, formatDuration } from '../../output/units.ts'

export const command = defineCommand<[model: string]>({
  examples: ['soma model load ocr'],
  configure: (command) => void command.argument('<model>', 'name of the model'),
  candidates: ['models'],
  async run(ctx, { args: [model] }) {
    const client = await ctx.connect()
    const output = await client.call('model.load', { model }, { signal: ctx.signal })
    ctx.show(output, ({ name, loadMs, residentBytes }) => [
      `loaded ${name} in ${formatDuration(loadMs)}, ${formatBytes(residentBytes)} in memory`,
    ])
  },
})
