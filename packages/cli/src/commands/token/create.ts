import { collect, defineCommand } from '../../command.ts'
import { type GrantOptions, buildGrant } from '../../input/grant.ts'
import { formatExpiry } from '../capability/tree.ts'
import { formatGrant } from '@soma/spec'

interface Options extends Omit<GrantOptions, 'maxInput'> {
  readonly can: readonly string[]
  readonly label?: string
}

export const command = defineCommand<[], Options>({
  examples: [
    "soma token create --can 'model/*:invoke' --expires 7d",
    "soma token create --can 'model/ocr:invoke' --quota 100/1h --label ci --json",
    "soma token create --can 'model/*:invoke' --priority-max batch --label nightly",
  ],
  optionCandidates: { '--priority-max': 'priorities' },
  configure: (command) =>
    void command
      .requiredOption('--can <grant>', 'what it allows: <resource>:<right>[,<right>…]; repeatable', collect)
      .option('--expires <time>', 'e.g. 12h, 7d, never (default 30d)')
      .option('--quota <calls>', 'e.g. 1000, or 100/1h')
      .option('--face <face>', 'only through ipc or http; repeatable', collect)
      .option('--priority-max <level>', 'the most urgent that its calls of models may be, e.g. batch')
      .option('--label <text>', 'what it is for'),
  async run(ctx, { options }) {
    const client = await ctx.connect()
    const limits = { ...options, expires: options.expires ?? EXPIRES_DEFAULT }
    const grants = options.can.map((grant) => buildGrant(grant, limits, ctx.clock.now()))
    const output = await client.call(
      'capability.issue',
      { grants, ...(options.label !== undefined && { label: options.label }) },
      { signal: ctx.signal },
    )
    ctx.show(output, ({ token }) => [token])
    if (ctx.globals.json === true) return
    const [first] = output.capabilities
    const expiry = formatExpiry(first?.expiresAt ?? null, ctx.clock.now())
    const ceiling = first?.constraints.priorityMax
    const priority = ceiling === undefined ? '' : `; its calls run at ${ceiling} priority at most`
    ctx.terminal.note(`${output.holder} can ${output.capabilities.map(formatGrant).join(' ')}${priority}; expires ${expiry}.`)
    ctx.terminal.note('The token is shown this once. Use it as SOMA_TOKEN, or in the header "Authorization: Bearer …".')
  },
})

/** A token that nobody asked to last for ever does not. */
const EXPIRES_DEFAULT = '30d'
