import { command as info } from '../../commands/model/info.ts'
import { command as show } from '../../commands/model/show.ts'
import { axonCommand } from '../command.ts'
import { sourceReference } from '../reference.ts'

export const command = axonCommand<[model: string]>({
  examples: ['axon info hf/bert-base-uncased@latest', 'axon info bert-base-uncased'],
  configure: (command) => void command.argument('<model>', 'namespace/name[@version], or the name of an installed model'),
  candidates: ['references'],
  async run(ctx, { args: [model] }) {
    const [command, name] = model.includes('/') ? [info, await sourceReference(ctx, model)] : [show, model]
    return await command.run(ctx, { args: [name], options: {} })
  },
})
