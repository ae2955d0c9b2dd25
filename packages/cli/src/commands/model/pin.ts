import { defineCommand } from '../../command.ts'
import { shortRevisions } from '../../output/text.ts'

export const command = defineCommand<[model: string], { readonly off?: boolean }>({
  examples: ['soma model pin ocr', 'soma model pin ocr --off'],
  configure: (command) => void command.argument('<model>', 'name of the model').option('--off', 'let it change again'),
  candidates: ['models'],
  async run(ctx, { args: [model], options: { off = false } }) {
    const client = await ctx.connect()
    const output = await client.call('model.pin', { model, pinned: !off }, { signal: ctx.signal })
    ctx.show(output, ({ model: { name, version, pinned } }) => [
      pinned ? `${name} stays at ${shortRevisions(version)}` : `${name} may change again; it is at ${shortRevisions(version)}`,
    ])
  },
})
