import { SomaError } from '@soma/core'
import { defineCommand } from '../../command.ts'

export const command = defineCommand<[alias: string, model?: string], { readonly remove?: boolean }>({
  examples: ['soma model alias reader ocr', 'soma model alias reader --remove'],
  notes: ['An alias can be used wherever a model is named. Giving it to another model moves it.'],
  configure: (command) =>
    void command.argument('<alias>', 'the second name').argument('[model]', 'name of the model').option('--remove', 'take the alias away'),
  candidates: ['models', 'models'],
  async run(ctx, { args: [alias, model], options: { remove = false } }) {
    if ((model === undefined) !== remove)
      throw new SomaError('call/invalid-input', `name the model that ${alias} stands for, or --remove to take the alias away`)
    const client = await ctx.connect()
    const output = await client.call('model.alias', { alias, model: model ?? null }, { signal: ctx.signal })
    ctx.show(output, ({ alias, model, before }) => {
      if (model === null) return [before === null ? `${alias} was no alias` : `${alias} no longer stands for ${before}`]
      return [`${alias} stands for ${model}${before === null || before === model ? '' : `; it stood for ${before}`}`]
    })
  },
})
