import { defineCommand } from '../../command.ts'
import { formatResidency } from '../../output/residency.ts'
import { shortRevisions } from '../../output/text.ts'

interface Options {
  readonly off?: boolean
  readonly memory?: boolean
}

export const command = defineCommand<[model: string], Options>({
  examples: ['soma model pin ocr', 'soma model pin ocr --off', 'soma model pin ocr --memory'],
  notes: ['Without --memory the model stays at its version when others are updated. With it, it never leaves memory for another model.'],
  configure: (command) =>
    void command
      .argument('<model>', 'name of the model')
      .option('--off', 'take it back')
      .option('--memory', 'pin it in memory instead of to its version'),
  candidates: ['models'],
  async run(ctx, { args: [model], options: { off = false, memory = false } }) {
    const client = await ctx.connect()
    if (memory) {
      const output = await client.call('model.residency', { model, pinned: !off }, { signal: ctx.signal })
      return ctx.show(output, ({ name, residency }) => [`${name}: ${formatResidency(residency)}`])
    }
    const output = await client.call('model.pin', { model, pinned: !off }, { signal: ctx.signal })
    ctx.show(output, ({ model: { name, version, pinned } }) => [
      pinned ? `${name} stays at ${shortRevisions(version)}` : `${name} may change again; it is at ${shortRevisions(version)}`,
    ])
  },
})
