import type { CallEvent, CallOutput } from '@soma/spec'
import { type CommandContext, defineCommand } from '../../command.ts'
import { REDRAW_MS } from '../../limits.ts'
import { formatBar, nameWidthMax } from '../../output/bar.ts'
import { RedrawnLines } from '../../output/redraw.ts'
import { inline } from '../../output/text.ts'
import { plural } from '../../output/units.ts'

type Verdict = CallOutput<'model.verify'>

export const command = defineCommand<[model?: string], { readonly repair?: boolean }>({
  examples: ['soma model verify', 'soma model verify ocr', 'soma model verify ocr --repair'],
  configure: (command) =>
    void command
      .argument('[model]', 'name of the model; all when absent')
      .option('--repair', 'fetch damaged and missing files again from where they came'),
  candidates: ['models'],
  async run(ctx, { args: [model], options: { repair } }) {
    const client = await ctx.connect()
    const input = { ...(model !== undefined && { model }), ...(repair && { repair }) }
    const stream = client.stream('model.verify', input, { signal: ctx.signal })
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
  const width = terminal.stderrWidth
  return formatBar(file, { paint: terminal.stderrPaint, width, nameWidth: nameWidthMax(width) })
}

function render({ models }: Verdict, { terminal: { paint } }: CommandContext): string[] {
  if (models.length === 0) return ['no models are installed']
  return models.flatMap((model) => [
    `${model.ok ? paint.green('ok') : paint.red('corrupt')}  ${paint.bold(model.name)}  ${summaryOf(model)}`,
    ...model.files
      .filter(({ status }) => status !== 'ok')
      .map(({ status, path, expected, found }) => {
        const what = status === 'repaired' ? paint.green(status) : paint.red(status)
        return `    ${what}  ${inline(path)}  expected ${expected}${found === null ? '' : `, found ${found}`}`
      }),
    ...(model.repairError === null ? [] : [`    ${paint.red('not repaired')}: ${inline(model.repairError)}`]),
  ])
}

function summaryOf({ files, record, signature }: Verdict['models'][number]): string {
  const matching = files.filter(({ status }) => status === 'ok' || status === 'repaired').length
  return [
    `${matching} of ${plural(files.length, 'file')} match`,
    ...(record === 'ok' ? [] : ['its record was altered']),
    ...(signature === null ? [] : [signatures[signature]]),
  ].join('; ')
}

const signatures = {
  ok: 'signed by a trusted key',
  untrusted: 'signed by a key that is not trusted here',
  bad: 'its signature does not fit the files',
} as const
