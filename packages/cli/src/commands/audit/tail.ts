import { type CommandContext, defineCommand } from '../../command.ts'
import { formatEntry } from './entries.ts'
import { printableJson } from '../../output/text.ts'

interface Options {
  readonly follow?: boolean
  readonly last?: string
}

const LAST_DEFAULT = 10

export const command = defineCommand<[], Options>({
  examples: ['soma audit tail', 'soma audit tail -f', 'soma audit tail --last 100 --json'],
  configure: (command) =>
    void command.option('-f, --follow', 'go on with new entries').option('-n, --last <count>', `how many (default ${LAST_DEFAULT})`),
  async run(ctx, { options }) {
    const last = options.last === undefined ? LAST_DEFAULT : Number(options.last)
    if (options.follow) await follow(ctx, last)
    else await list(ctx, last)
  },
})

async function list(ctx: CommandContext, limit: number): Promise<void> {
  const client = await ctx.connect()
  const output = await client.call('audit.list', { limit }, { signal: ctx.signal })
  ctx.show(output, ({ entries }) => entries.map((entry) => formatEntry(entry, ctx)))
}

async function follow(ctx: CommandContext, last: number): Promise<void> {
  const client = await ctx.connect()
  const json = ctx.globals.json === true
  for await (const entry of client.stream('audit.tail', { last }, { signal: ctx.signal }))
    ctx.terminal.line(json ? printableJson(entry) : formatEntry(entry, ctx))
}
