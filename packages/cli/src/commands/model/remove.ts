import { defineCommand } from '../../command.ts'
import { formatBytes } from '../../output/units.ts'

export const command = defineCommand<[model: string]>({
  examples: ['soma model remove ocr'],
  configure: (command) => void command.argument('<model>', 'name of the model'),
  candidates: ['models'],
  async run(ctx, { args: [model] }) {
    const client = await ctx.connect()
    const output = await client.call('model.remove', { model }, { signal: ctx.signal })
    ctx.show(output, ({ name, freedBytes }) => [`removed ${name}, ${formatBytes(freedBytes)} freed`])
  },
})
