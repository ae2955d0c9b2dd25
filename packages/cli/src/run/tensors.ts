import type { Signature } from '@soma/spec'
import type { Client, CommandContext } from '../command.ts'
import { type TensorInput, wordTensor, writtenTensor } from '../input/tensor.ts'
import { formatOutputs } from '../output/tensors.ts'
import { inline } from '../output/text.ts'
import { formatTimings } from './answer.ts'
import { type RunOptions, urgencyOf } from './options.ts'

/** Runs a model of tensors once, or once for each file or text. */
export async function runTensors(
  ctx: CommandContext,
  client: Client,
  run: { model: string; words: readonly string[]; options: RunOptions; signature: Signature | null },
): Promise<void> {
  const { model, words, options, signature } = run
  const { stdin } = ctx.io
  const written = await Promise.all((options.input ?? []).map(async (text) => await writtenTensor(text, stdin, signature)))
  const infer = async (inputs: TensorInput[], title?: string): Promise<void> => {
    const output = await client.call('model.infer', { model, inputs, ...urgencyOf(options) }, { signal: ctx.signal })
    const { paint } = ctx.terminal
    ctx.show(output, () => [...(title === undefined ? [] : [paint.bold(inline(title))]), ...formatOutputs(output.outputs, ctx.terminal)])
    if (ctx.globals.json !== true) ctx.terminal.note(ctx.terminal.stderrPaint.dim(formatTimings(output.timings)))
  }
  if (words.length === 0) return await infer(written)
  const target = { signature, taken: written.map(({ name }) => name) }
  for (const word of words) await infer([...written, await wordTensor(word, stdin, target)], words.length > 1 ? word : undefined)
}
