import type { CallInput, CallOutput } from '@soma/spec'
import type { Client, CommandContext } from '../command.ts'
import { inline } from '../output/text.ts'
import { formatCount, formatDuration, plural } from '../output/units.ts'

export type Answer = CallOutput<'model.generate'>
type Timings = Answer['timings']

/** Asks for text and shows it as it comes. With --json only the finished answer is shown. */
export async function answer(
  ctx: CommandContext,
  client: Client,
  request: CallInput<'model.generate'>,
  signal: AbortSignal = ctx.signal,
): Promise<Answer> {
  const stream = client.stream('model.generate', request, { signal })
  const isJson = ctx.globals.json === true
  let last = ''
  for await (const { text } of stream) {
    if (!isJson) ctx.terminal.text(text)
    last = text || last
  }
  const output = await stream.output
  if (isJson) ctx.terminal.json(output)
  else showEnd(ctx, output, last.endsWith('\n'))
  return output
}

function showEnd({ terminal }: CommandContext, output: Answer, isLineDone: boolean): void {
  const { stderrPaint: paint } = terminal
  if (!isLineDone && output.text !== '') terminal.line()
  for (const { name, arguments: args } of output.toolCalls) terminal.line(`${terminal.paint.bold(inline(name))}(${inline(args)})`)
  if (output.truncated)
    terminal.note(paint.yellow(`The first ${plural(output.truncated.droppedTokens, 'token')} of the prompt did not fit and were left out.`))
  if (output.finish === 'length') terminal.note(paint.yellow('Cut off: the limit of tokens, or the end of the context, was reached.'))
  terminal.note(paint.dim(formatSpeed(output)))
}

/** A shorter time tells when messages came, and not how fast tokens were made. */
const DECODE_MS_MIN = 10

/** `42 tokens at 31.2 a second, first after 180 ms, loaded 1.2 s`. */
export function formatSpeed({ usage, timings }: Pick<Answer, 'usage' | 'timings'>): string {
  const { runMs, firstMs } = timings
  const decodeMs = runMs - (firstMs ?? 0)
  const rate =
    usage.generatedTokens > 1 && decodeMs >= DECODE_MS_MIN
      ? ` at ${((usage.generatedTokens - 1) / (decodeMs / 1000)).toFixed(1)} a second`
      : ''
  const first = firstMs === undefined ? [] : [`first after ${formatDuration(firstMs)}`]
  const cached =
    usage.cachedTokens > 0 ? [`${formatCount(usage.cachedTokens)} of ${plural(usage.promptTokens, 'prompt token')} cached`] : []
  return [`${plural(usage.generatedTokens, 'token')}${rate}`, ...first, ...cached, ...waits(timings)].join(', ')
}

/** `ran 412 ms`, with waiting and loading where there was any. */
export function formatTimings(timings: Timings): string {
  return [...waits(timings), `ran ${formatDuration(timings.runMs)}`].join(', ')
}

function waits({ queueMs, loadMs }: Timings): string[] {
  const waited = queueMs >= 1 ? [`waited ${formatDuration(queueMs)}`] : []
  return loadMs >= 1 ? [...waited, `loaded ${formatDuration(loadMs)}`] : waited
}
