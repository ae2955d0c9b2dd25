import { SomaError } from '@soma/core'
import { defineCommand } from '../../command.ts'
import { parseSetting } from '../../input/setting.ts'
import { formatFields } from '../../output/table.ts'

interface Options {
  readonly engine?: string
  readonly device?: string
}

/** What takes a choice back. */
const AUTO = 'auto'

export const command = defineCommand<[model: string, settings: readonly string[]], Options>({
  examples: [
    'soma model configure tiny contextLength=2048 sequences=2',
    'soma model configure tiny --device cuda:0',
    'soma model configure tiny --engine auto contextLength=',
  ],
  notes: ['What an engine can be told is shown by `soma engine show`. A setting without a value is as it was before.'],
  configure: (command) =>
    void command
      .argument('<model>', 'name of the model')
      .argument('[settings...]', 'name=value, of its engine')
      .option('--engine <id>', `which engine runs it; ${AUTO} lets Soma choose`)
      .option('--device <id>', `cpu, or an accelerator as soma hardware names it; ${AUTO} lets Soma choose`),
  candidates: ['models'],
  optionCandidates: { '--engine': 'engines' },
  async run(ctx, { args: [model, words], options: { engine, device } }) {
    if (words.length === 0 && engine === undefined && device === undefined)
      throw new SomaError('call/invalid-input', `say what to change of ${model}: name=value, --engine or --device`)
    const client = await ctx.connect()
    const input = {
      model,
      ...(engine !== undefined && { engine: engine === AUTO ? null : engine }),
      ...(device !== undefined && { device: device === AUTO ? null : device }),
      ...(words.length > 0 && { settings: Object.fromEntries(words.map(parseSetting)) }),
    }
    const output = await client.call('model.configure', input, { signal: ctx.signal })
    ctx.show(output, ({ name, settings }) => [
      ctx.terminal.paint.bold(name),
      ...formatFields(
        [
          ['engine', output.engine ?? 'chosen by Soma'],
          ['device', output.device ?? 'chosen by Soma'],
          ...Object.entries(settings).map(([key, value]) => [key, JSON.stringify(value)] as const),
        ],
        ctx.terminal.paint,
      ),
    ])
  },
})
