import { command as register } from '../../commands/model/register.ts'
import { axonCommand } from '../command.ts'
import { seekInstalled, sourceReference } from '../reference.ts'

interface Options {
  readonly name?: string
  readonly allowUnsafe?: boolean
  readonly verbose?: boolean
}

export const command = axonCommand<[model: string], Options>({
  examples: ['axon register hf/bert-base-uncased@latest'],
  notes: ['Finds the engine and loads the model once, to see that it works; installs it first if it is not installed.'],
  configure: (command) =>
    void command
      .argument('<model>', 'namespace/name[@version], or the name of an installed model')
      .option('--name <name>', 'name to install it under')
      .option('--allow-unsafe', 'install pickles that would run more than loading weights needs; audited')
      .option('--verbose', 'also a line for each file that is checked, or was on this disk already'),
  candidates: ['models'],
  async run(ctx, { args: [model], options }) {
    const name = await seekInstalled(ctx, model)
    return await register.run(ctx, { args: [name ?? (await sourceReference(ctx, model))], options })
  },
})
