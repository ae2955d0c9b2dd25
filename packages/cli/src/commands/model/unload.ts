import { defineCommand } from '../../command.ts'

export const command = defineCommand<[model: string]>({
  examples: ['soma model unload ocr'],
  configure: (command) => void command.argument('<model>', 'name of the model'),
  candidates: ['models'],
  async run(ctx, { args: [model] }) {
    const client = await ctx.connect()
    const output = await client.call('model.unload', { model }, { signal: ctx.signal })
    ctx.show(output, ({ name, wasLoaded }) => [wasLoaded ? `unloaded ${name}` : `${name} was not loaded`])
  },
})
