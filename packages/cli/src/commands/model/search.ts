import { SomaError, errorCodes } from '@soma/core'
import type { CallOutput } from '@soma/spec'
import { type CommandContext, collect, defineCommand } from '../../command.ts'
import { type Column, formatTable } from '../../output/table.ts'
import { inline } from '../../output/text.ts'
import { formatBytes, formatLarge } from '../../output/units.ts'

type Found = CallOutput<'model.search'>
type Hit = Found['hits'][number]

interface Options {
  readonly limit?: string
  readonly source?: readonly string[]
}

export const command = defineCommand<[words: readonly string[]], Options>({
  examples: [
    'soma model search bert',
    'soma model search text to speech --limit 5',
    'soma model search llama --source hf --source modelscope',
    "soma model search ocr --json | jq -r '.hits[].reference'",
  ],
  notes: ['RUNS HERE says whether an engine of this machine loads it and it fits into memory; ? where the source does not tell.'],
  configure: (command) =>
    void command
      .argument('<words...>', 'what to look for')
      .option('--source <source>', 'only there; repeatable (default: all that can be searched)', collect)
      .option('--limit <count>', 'how many to show (default 20)'),
  optionCandidates: { '--source': 'sources' },
  async run(ctx, { args: [words], options }) {
    const client = await ctx.connect()
    const { limit, source } = options
    const input = {
      query: words.join(' '),
      ...(limit !== undefined && { limit: readCount(limit) }),
      ...(source && { sources: [...source] }),
    }
    const output = await client.call('model.search', input, { signal: ctx.signal })
    ctx.show(output, ({ hits }) => {
      if (hits.length > 0) return formatTable(hits, columns(ctx), ctx.terminal)
      if (output.sources.length === 0) return ['no source that can be searched is set up; see soma source list']
      return [failed(output) ? 'no source answered' : `nothing found for "${inline(input.query)}"`]
    })
    noteFailures(output, ctx)
    return failed(output) ? errorCodes['source/unavailable'].exit : 0
  },
})

function readCount(text: string): number {
  if (/^[1-9]\d{0,2}$/.test(text)) return Number(text)
  throw new SomaError('call/invalid-input', `--limit is "${text}"; expected a number from 1 to 100`)
}

/** Nobody could be asked: that is no answer. */
function failed({ sources }: Found): boolean {
  return sources.length > 0 && sources.every(({ error }) => error !== null)
}

function noteFailures({ sources }: Found, { terminal }: CommandContext): void {
  for (const { source, error } of sources)
    if (error !== null) terminal.note(terminal.stderrPaint.yellow(`${inline(source)} did not answer: ${inline(error)}`))
}

function columns({ terminal: { paint } }: CommandContext): ReadonlyArray<Column<Hit>> {
  return [
    {
      title: 'reference',
      value: ({ reference }) => reference,
      paint: (text, { installed }) => (installed.length === 0 ? text : paint.bold(text)),
    },
    { title: 'size', value: ({ sizeBytes }) => (sizeBytes === null ? '' : formatBytes(sizeBytes)), align: 'right' },
    { title: 'licence', value: ({ licence }) => licence ?? '', shrinks: true, optional: true },
    { title: 'format', value: ({ formats }) => formats.join(' '), shrinks: true, optional: true },
    { title: 'downloads', value: ({ downloads }) => (downloads === null ? '' : formatLarge(downloads)), align: 'right', optional: true },
    {
      title: 'runs here',
      value: runsHere,
      paint: (text, { runs }) => (runs === 'yes' ? paint.green(text) : runs === 'no' ? paint.red(text) : paint.dim(text)),
      shrinks: true,
    },
  ]
}

function runsHere({ runs, reason, gated, installed }: Hit): string {
  const verdict = runs === 'unknown' ? '?' : runs
  return [
    reason === '' ? verdict : `${verdict}: ${reason}`,
    ...(gated ? ['gated'] : []),
    ...(installed.length === 0 ? [] : [`installed as ${installed.join(' and ')}`]),
  ].join(', ')
}
