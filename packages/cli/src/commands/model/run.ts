import { SomaError, isSomaError } from '@soma/core'
import type { CallOutput, Signature } from '@soma/spec'
import { type Client, type CommandContext, collect, defineCommand } from '../../command.ts'
import { type TensorInput, fileTensor, writtenTensor } from '../../input/tensor.ts'
import { inline } from '../../output/text.ts'
import { formatOutputs } from '../../output/tensors.ts'
import { formatDuration } from '../../output/units.ts'

interface Options {
  readonly input?: readonly string[]
  readonly prompt?: string
  readonly maxTokens?: string
}

type Output = CallOutput<'model.infer'>

export const command = defineCommand<[model: string, files: readonly string[]], Options>({
  examples: [
    'soma model run ocr receipt.png',
    'soma model run vad --input input=@frame.npy --input sr=16000',
    'cat receipt.png | soma model run ocr - --json',
  ],
  configure: (command) =>
    void command
      .argument('<model>', 'name of the model')
      .argument('[files...]', 'pictures, sounds or .npy arrays, one run each; - for standard input')
      .option('--input <name=value>', 'an input: @file, or JSON (numbers, texts, nested lists); repeatable', collect)
      .option('--prompt <text>', 'generate text from this instead; - for standard input')
      .option('--max-tokens <count>', 'upper bound of generated tokens'),
  candidates: ['models', 'files'],
  async run(ctx, { args: [model, files], options }) {
    const client = await ctx.connect()
    if (options.prompt !== undefined) return await generate(ctx, client, model, options)
    const inputs = options.input ?? []
    if (files.length === 0 && inputs.length === 0)
      throw new SomaError('call/invalid-input', `give ${model} something to run on: a file, --input name=value, or --prompt`)
    const signature = await findSignature(client, model, ctx.signal)
    const written = await Promise.all(inputs.map(async (text) => await writtenTensor(text, ctx.io.stdin, signature)))
    const runs = files.length === 0 ? [{ tensors: written }] : files.map((file) => ({ file, tensors: written }))
    for (const { tensors, ...run } of runs) {
      const all = 'file' in run ? [...tensors, await fileTensor(run.file, ctx.io.stdin, { signature })] : tensors
      await infer(ctx, client, { model, inputs: all, title: files.length > 1 && 'file' in run ? run.file : undefined })
    }
    return 0
  },
})

/** Undefined to the caller who may invoke the model but not look at it: then inputs go by the usual names. */
async function findSignature(client: Client, model: string, signal: AbortSignal): Promise<Signature | null> {
  try {
    const { signature } = await client.call('model.show', { model }, { signal })
    return signature ?? (await client.call('model.load', { model }, { signal })).signature
  } catch (error) {
    if (isSomaError(error, 'capability/denied')) return null
    throw error
  }
}

async function infer(
  ctx: CommandContext,
  client: Client,
  run: { model: string; inputs: TensorInput[]; title: string | undefined },
): Promise<void> {
  const output = await client.call('model.infer', { model: run.model, inputs: run.inputs }, { signal: ctx.signal })
  const { paint } = ctx.terminal
  ctx.show(output, () => [
    ...(run.title === undefined ? [] : [paint.bold(inline(run.title))]),
    ...formatOutputs(output.outputs, ctx.terminal),
  ])
  if (ctx.globals.json !== true) ctx.terminal.note(ctx.terminal.stderrPaint.dim(formatTimings(output.timings)))
}

/** `ran 412 ms`, with waiting and loading where there was any. */
export function formatTimings({ queueMs, loadMs, runMs }: Output['timings']): string {
  const waited = queueMs >= 1 ? [`waited ${formatDuration(queueMs)}`] : []
  const loaded = loadMs >= 1 ? [`loaded ${formatDuration(loadMs)}`] : []
  return [...waited, ...loaded, `ran ${formatDuration(runMs)}`].join(', ')
}

async function generate(ctx: CommandContext, client: Client, model: string, options: Options): Promise<number> {
  const prompt = options.prompt === '-' ? await readText(ctx) : (options.prompt ?? '')
  const maxTokens = options.maxTokens === undefined ? {} : { maxTokens: Number(options.maxTokens) }
  const stream = client.stream('model.generate', { model, prompt, ...maxTokens }, { signal: ctx.signal })
  for await (const { text } of stream) if (ctx.globals.json !== true) ctx.terminal.text(text)
  const output = await stream.output
  if (ctx.globals.json === true) ctx.terminal.json(output)
  else ctx.terminal.note(`\n${ctx.terminal.stderrPaint.dim(formatTimings(output.timings))}`)
  return 0
}

async function readText(ctx: CommandContext): Promise<string> {
  const { readInput } = await import('../../input/read.ts')
  return Buffer.from(await readInput('-', ctx.io.stdin)).toString('utf8')
}
