import { command as update } from '../../commands/model/update.ts'
import { axonCommand } from '../command.ts'
import { findInstalled, sourceReference, splitReference } from '../reference.ts'

interface Options {
  readonly dryRun?: boolean
  readonly allowUnsafe?: boolean
  readonly verbose?: boolean
}

export const command = axonCommand<[model: string], Options>({
  examples: ['axon update hf/bert-base-uncased', 'axon update vision/resnet50@2.0.0'],
  configure: (command) =>
    void command
      .argument('<model>', 'namespace/name[@version], or the name of an installed model')
      .option('--dry-run', 'only say what would change')
      .option('--allow-unsafe', 'install pickles that would run more than loading weights needs; audited')
      .option('--verbose', 'also a line for each file that is checked, or was on this disk already'),
  candidates: ['models'],
  async run(ctx, { args: [model], options }) {
    const { version } = splitReference(model)
    const named = version !== undefined && version !== 'latest'
    // A version that is not installed yet is what is wanted, so the installed one is found without it.
    const name = await findInstalled(ctx, named ? splitReference(model).base : model)
    const to = named ? { to: await sourceReference(ctx, model) } : {}
    return await update.run(ctx, { args: [[name]], options: { ...options, ...to } })
  },
})
