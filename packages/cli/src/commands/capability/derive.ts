import { collect, defineCommand } from '../../command.ts'
import { type GrantOptions, buildGrant } from '../../input/grant.ts'
import { formatTree } from './tree.ts'

interface Options extends Omit<GrantOptions, 'maxInput'> {
  readonly holder: string
  readonly parent?: string
  readonly maxInput?: string
  readonly label?: string
}

export const command = defineCommand<[grant: string], Options>({
  examples: [
    "soma capability derive 'model/ocr:invoke' --holder anonymous --label 'public on this machine'",
    "soma capability derive 'model/*:invoke,list' --holder token:tok_0123456789abcdef --expires 7d --quota 100/1h",
  ],
  optionCandidates: { '--priority-max': 'priorities' },
  configure: (command) =>
    void command
      .argument('<grant>', 'what it allows: <resource>:<right>[,<right>…], e.g. model/*:invoke')
      .requiredOption('--holder <principal>', 'who gets it: owner, anonymous or token:<id>')
      .option('--parent <id>', 'capability to derive from; found when absent')
      .option('--expires <time>', 'e.g. 12h, 7d; never when absent')
      .option('--quota <calls>', 'e.g. 1000, or 100/1h')
      .option('--face <face>', 'only through ipc or http; repeatable', collect)
      .option('--max-input <bytes>', 'attachments of one call together')
      .option('--priority-max <level>', 'the most urgent that its calls of models may be, e.g. batch')
      .option('--label <text>', 'what it is for'),
  async run(ctx, { args: [grant], options }) {
    const { parent, holder, label, maxInput } = options
    const client = await ctx.connect()
    const limits = { ...options, maxInput: maxInput === undefined ? undefined : Number(maxInput) }
    const output = await client.call(
      'capability.derive',
      {
        ...(parent !== undefined && { parent }),
        holder,
        grant: buildGrant(grant, limits as GrantOptions, ctx.clock.now()),
        ...(label !== undefined && { label }),
      },
      { signal: ctx.signal },
    )
    ctx.show(output, ({ capability }) => formatTree([capability], ctx))
  },
})
