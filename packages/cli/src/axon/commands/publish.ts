import { SomaError } from '@soma/core'
import { command as publish } from '../../commands/model/publish.ts'
import { axonCommand } from '../command.ts'
import { findInstalled } from '../reference.ts'

export const command = axonCommand<[model: string, target?: string], { readonly target?: string }>({
  examples: ['axon publish hf/bert-base-uncased@latest --target oci/registry.example.org/team/bert:1.0'],
  configure: (command) =>
    void command
      .argument('<model>', 'namespace/name[@version], or the name of an installed model')
      .argument('[target]', 'the same as --target')
      .option('--target <reference>', 'where: oci/<registry>/<repository>[:tag]'),
  candidates: ['models'],
  async run(ctx, { args: [model, positional], options }) {
    const target = options.target ?? positional
    if (target === undefined)
      throw new SomaError('call/invalid-input', 'say where to publish it: --target oci/<registry>/<repository>[:tag]')
    return await publish.run(ctx, { args: [await findInstalled(ctx, model), target], options: {} })
  },
})
