import { command as verify } from '../../commands/model/verify.ts'
import { axonCommand } from '../command.ts'
import { findInstalled } from '../reference.ts'

export const command = axonCommand<[model?: string], { readonly repair?: boolean }>({
  examples: ['axon verify hf/bert-base-uncased', 'axon verify'],
  configure: (command) =>
    void command
      .argument('[model]', 'namespace/name[@version], or the name of an installed model; all when absent')
      .option('--repair', 'fetch damaged and missing files again from where they came'),
  candidates: ['models'],
  async run(ctx, { args: [model], options }) {
    return await verify.run(ctx, { args: model === undefined ? [] : [await findInstalled(ctx, model)], options })
  },
})
