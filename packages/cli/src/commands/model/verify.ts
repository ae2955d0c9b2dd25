import type { CallEvent, CallOutput } from '@soma/spec'
import { type CommandContext, defineCommand } from '../../command.ts'
import { REDRAW_MS } from '../../limits.ts'
import { formatBar } from '../../output/bar.ts'
import { RedrawnLines } from '../../output/redraw.ts'
import { inline } from '../../output/text.ts'

type Verdict = CallOutput<'model.verify'>

export const command = defineCommand<[model?: string]>({
  examples: ['soma model verify', 'soma model verify ocr'],
  configure: (command) => void command.argument('[model]', 'name of the model; all when absent'),
  candidates: ['models'],
  async run(ctx, { args: [model] }) {
    const client = await ctx.connect()
    const stream = client.stream('model.verify', model === undefined ? {} : { model }, { signal: ctx.signal })
    const lines = new RedrawnLines(ctx.terminal.stderr)
    let shownAtMs = Number.NEGATIVE_INFINITY
    for await (const event of stream) {
      if (!ctx.terminal.animated || ctx.clock.monotonic() - shownAtMs < REDRAW_MS) continue
      shownAtMs = ctx.clock.monotonic()
      lines.draw([bar(event, ctx)])
    }
    lines.clear()
    const verdict = await stream.output
    ctx.show(verdict, () => render(verdict, ctx))
    return verdict.ok ? 0 : 1
  },
})

function bar(event: CallEvent<'model.verify'>, { terminal }: CommandContext): string {
  const file = {
    path: inline(`${event.name}: ${event.path}`),
    receivedBytes: event.hashedBytes,
    sizeBytes: event.totalBytes,
    resumedBytes: 0,
  }
  return formatBar(file, { paint: terminal.stderrPaint, width: terminal.stderrWidth, nameWidth: 40 })
}

function render({ models }: Verdict, { terminal: { paint } }: CommandContext): string[] {
  if (models.length === 0) return ['no models are installed']
  return models.flatMap((model) => {
    const bad = model.files.filter((file) => file.status !== 'ok')
    const summary = model.ok ? paint.green('ok') : paint.red('corrupt')
    return [
      `${summary}  ${paint.bold(model.name)}  ${model.files.length - bad.length} of ${model.files.length} files match${model.record === 'ok' ? '' : '; its record was altered'}`,
      ...bad.map(
        (file) =>
          `    ${paint.red(file.status)}  ${inline(file.path)}  expected ${file.expected}${file.found === null ? '' : `, found ${file.found}`}`,
      ),
    ]
  })
}
