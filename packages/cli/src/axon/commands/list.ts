import { showModels } from '../../commands/model/list.ts'
import { axonCommand } from '../command.ts'

export const command = axonCommand<[], { readonly namespace?: string }>({
  examples: ['axon list', 'axon list --namespace hf', 'axon list --format json'],
  configure: (command) => void command.option('--namespace <namespace>', 'only those that came from there'),
  optionCandidates: { '--namespace': 'sources' },
  async run(ctx, { options: { namespace } }) {
    const { models } = await (await ctx.connect()).call('model.list', {}, { signal: ctx.signal })
    const shown = models.filter(({ reference }) => namespace === undefined || isIn(reference, namespace))
    showModels(ctx, { models: shown }, 'axon install hf/bert-base-uncased@latest')
  },
})

/** A source is a namespace, and so is what an Axon registry calls one. */
function isIn(reference: string, namespace: string): boolean {
  return [`${namespace}/`, `axon/${namespace}/`].some((prefix) => reference.startsWith(prefix))
}
