import { command as remove } from '../../commands/model/remove.ts'
import { axonCommand } from '../command.ts'
import { findInstalled } from '../reference.ts'

export const command = axonCommand<[model: string]>({
  examples: ['axon uninstall hf/bert-base-uncased', 'axon uninstall bert-base-uncased'],
  configure: (command) => void command.argument('<model>', 'namespace/name[@version], or the name of an installed model'),
  candidates: ['models'],
  run: async (ctx, { args: [model] }) => await remove.run(ctx, { args: [[await findInstalled(ctx, model)]], options: {} }),
})
