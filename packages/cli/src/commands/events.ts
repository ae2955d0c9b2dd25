import type { SomaEvent } from '@soma/spec'
import { type CommandContext, defineCommand } from '../command.ts'
import { inline, printableJson } from '../output/text.ts'
import { formatClock } from '../output/units.ts'

interface Options {
  readonly names?: string
  readonly after?: string
}

export const command = defineCommand<[], Options>({
  examples: ['soma events', "soma events --names 'model.*,engine.crashed'", 'soma events --after 0 --json'],
  configure: (command) =>
    void command
      .option('--names <patterns>', 'only these, separated by commas; a trailing * takes all that begin so')
      .option('--after <seq>', 'begin with kept events after this position; 0 for all'),
  async run(ctx, { options }) {
    const client = await ctx.connect()
    const names = options.names?.split(',').map((name) => name.trim())
    const afterSeq = options.after === undefined ? undefined : Number(options.after)
    const stream = client.stream(
      'event.subscribe',
      { ...(names && { names }), ...(afterSeq !== undefined && { afterSeq }) },
      { signal: ctx.signal },
    )
    for await (const event of stream) show(event, ctx)
  },
})

function show(event: SomaEvent, { terminal, globals }: CommandContext): void {
  if (globals.json === true) return terminal.text(`${printableJson(event)}\n`)
  const { paint } = terminal
  const data = Object.entries(event.data).map(
    ([key, value]) => `${paint.dim(`${inline(key)}=`)}${inline(typeof value === 'string' ? value : JSON.stringify(value))}`,
  )
  terminal.line([paint.dim(formatClock(event.at)), paint.bold(inline(event.name)), inline(event.resource), ...data].join('  '))
}
