import { errorCodes } from '@soma/core'
import { defineCommand } from '../../command.ts'
import { expandReference } from '../../input/reference.ts'
import { formatFields } from '../../output/table.ts'
import { inline } from '../../output/text.ts'
import { describeModel } from './install.ts'
import { knowledgeFields } from './knowledge.ts'
import { watch } from './watch.ts'

interface Options {
  readonly name?: string
  readonly allowUnsafe?: boolean
  readonly verbose?: boolean
}

export const command = defineCommand<[reference: string], Options>({
  examples: ['soma model register hf/bert-base-uncased@latest', 'soma model register ocr'],
  notes: ['Installs it if it is not, finds its engine, and loads it once to see that it works.'],
  configure: (command) =>
    void command
      .argument('<reference>', 'as for `soma model install`, or the name of an installed model')
      .option('--name <name>', 'name to install it under')
      .option('--allow-unsafe', 'install pickles that would run more than loading weights needs; audited')
      .option('--verbose', 'also a line for each file that is checked, or was on this disk already'),
  candidates: ['models'],
  async run(ctx, { args: [reference], options: { name, allowUnsafe, verbose = false } }) {
    const client = await ctx.connect()
    const input = {
      reference: expandReference(reference, process.cwd()),
      ...(name !== undefined && { name }),
      ...(allowUnsafe && { allowUnsafe }),
    }
    const output = await watch(ctx, client.stream('model.register', input, { signal: ctx.signal }), {
      verbose,
      waiting: `asking for ${input.reference} …`,
    })
    const { paint } = ctx.terminal
    ctx.show(output, ({ model, ready, reason, knowledge }) => [
      describeModel(model, ctx),
      ...(knowledge === null ? [] : formatFields(knowledgeFields(knowledge), paint)),
      ready ? `${paint.green('ready')}: soma model run ${model.name}` : `${paint.yellow('not ready')}: ${inline(reason)}`,
    ])
    return output.ready ? 0 : errorCodes['model/unsupported'].exit
  },
})
