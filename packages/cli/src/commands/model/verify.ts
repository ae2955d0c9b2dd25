import type { CallOutput } from '@soma/spec'
import { type CommandContext, defineCommand } from '../../command.ts'
import { inline } from '../../output/text.ts'
import { plural } from '../../output/units.ts'
import { watchAs } from './watch.ts'

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
    const verdict = await watchAs(
      ctx,
      client.stream('model.verify', input, { signal: ctx.signal }),
      ({ name, path, hashedBytes, totalBytes }) => ({
        type: 'download',
        path: `${name}: ${path}`,
        receivedBytes: hashedBytes,
        sizeBytes: totalBytes,
        resumedBytes: 0,
      }),
      { words: { doing: 'verifying', done: 'hashed' } },
    )
    ctx.show(verdict, () => render(verdict, ctx))
    return verdict.ok ? 0 : 1
  },
})

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
    `${matching} of ${plural(files.length, 'file')} ${files.length === 1 ? 'matches' : 'match'}`,
    ...(record === 'ok' ? [] : ['its record was altered']),
    ...(signature === null ? [] : [signatures[signature]]),
  ].join('; ')
}

const signatures = {
  ok: 'signed by a trusted key',
  untrusted: 'signed by a key that is not trusted here',
  bad: 'its signature does not fit the files',
} as const
