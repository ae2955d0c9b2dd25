import { defineCommand } from '../../command.ts'
import { formatBytes } from '../../output/units.ts'
import { forEachName } from '../each.ts'

export const command = defineCommand<[models: readonly string[]]>({
  examples: ['soma model remove ocr', 'soma model remove ocr vad'],
  configure: (command) => void command.argument('<models...>', 'names of the models'),
  candidates: ['models'],
  async run(ctx, { args: [models] }) {
    const client = await ctx.connect()
    const { done, failed, exitCode } = await forEachName(
      ctx,
      models,
      async (model) => await client.call('model.remove', { model }, { signal: ctx.signal }),
    )
    const freedBytes = done.reduce((sum, one) => sum + one.freedBytes, 0)
    ctx.show({ removed: done, failed, freedBytes }, ({ removed }) => [
      ...removed.map(({ name, aliases, freedBytes }) => {
        const also = aliases.length === 0 ? '' : ` and its ${aliases.length === 1 ? 'alias' : 'aliases'} ${aliases.join(', ')}`
        return `removed ${name}${also}, ${formatBytes(freedBytes)} freed`
      }),
      ...(removed.length > 1 ? [`${formatBytes(freedBytes)} freed in all`] : []),
    ])
    return exitCode
  },
})
