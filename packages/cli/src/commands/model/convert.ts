import { defineCommand } from '../../command.ts'
import { parseSetting } from '../../input/setting.ts'
import { formatBytes } from '../../output/units.ts'
import { inline } from '../../output/text.ts'

interface Options {
  readonly to: string
  readonly name?: string
}

export const command = defineCommand<[model: string, settings: readonly string[]], Options>({
  examples: [
    'soma model convert classifier --to onnx',
    'soma model convert classifier inputs=\'["x float32[?, 3]"]\' --name classifier-fast',
  ],
  notes: ['What was installed stays as it is; the result is a model of its own. `soma engine show` says what an engine can write.'],
  configure: (command) =>
    void command
      .argument('<model>', 'name of the model')
      .argument('[settings...]', 'name=value, of the engine that converts')
      .option('--to <format>', 'format to write', 'onnx')
      .option('--name <name>', 'name of the new model; <model>-<format> when absent'),
  candidates: ['models'],
  async run(ctx, { args: [model, words], options: { to, name } }) {
    const client = await ctx.connect()
    const settings = Object.fromEntries(words.map(parseSetting).filter(([, value]) => value !== null))
    const stream = client.stream('model.convert', { model, to, settings, ...(name !== undefined && { name }) }, { signal: ctx.signal })
    for await (const { stage } of stream) if (ctx.globals.json !== true) ctx.terminal.note(ctx.terminal.stderrPaint.dim(inline(stage)))
    const output = await stream.output
    ctx.show(output, ({ files, notes }) => [
      `installed ${ctx.terminal.paint.bold(output.name)} (${to}, ${formatBytes(files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0))})`,
      ...notes.map(inline),
    ])
  },
})
