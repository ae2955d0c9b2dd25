import type { CallOutput } from '@soma/spec'
import { type CommandContext, defineCommand } from '../command.ts'
import { budgetFields, formatResidency } from '../output/residency.ts'
import { formatFields } from '../output/table.ts'
import { inline } from '../output/text.ts'
import { formatBytes, formatTime } from '../output/units.ts'

type Output = CallOutput<'model.explain'>

export const command = defineCommand<[model: string]>({
  examples: ['soma explain tiny', 'soma model explain tiny --json | jq .candidates'],
  configure: (command) => void command.argument('<model>', 'name of the model'),
  candidates: ['models'],
  async run(ctx, { args: [model] }) {
    const client = await ctx.connect()
    const output = await client.call('model.explain', { model }, { signal: ctx.signal })
    ctx.show(output, () => [
      `${ctx.terminal.paint.bold(output.name)}  ${output.format}, ${output.task}`,
      ...section('Where it could run', candidates(output, ctx), ctx),
      ...section('Where it is now', resident(output, ctx), ctx),
      ...section('What happened to it', history(output, ctx), ctx),
    ])
  },
})

function section(title: string, lines: readonly string[], { terminal: { paint } }: CommandContext): string[] {
  return lines.length === 0 ? [] : ['', paint.bold(title), ...lines]
}

function candidates({ candidates, format }: Output, { terminal: { paint } }: CommandContext): string[] {
  // What another format is for is not worth lines of its own.
  const others = candidates.filter(
    ({ reasons, problems }) => reasons.length === 0 && problems.length === 1 && /does not run the format/.test(problems[0] ?? ''),
  )
  const shown = candidates.filter((candidate) => !others.includes(candidate))
  const rest = others.length === 0 ? [] : [paint.dim(`  not for ${inline(format)}: ${others.map(({ engine }) => engine).join(', ')}`)]
  const lines = shown.flatMap(({ engine, device, chosen, memoryBytes, reasons, problems }) => {
    const mark = chosen ? paint.green('→') : ' '
    const memory = memoryBytes === null ? '' : `, about ${formatBytes(memoryBytes)}`
    return [
      `${mark} ${chosen ? paint.bold(engine) : engine} on ${device}${memory}`,
      ...reasons.map((reason) => `    ${paint.green('+')} ${inline(reason)}`),
      ...problems.map((problem) => `    ${paint.red('−')} ${inline(problem)}`),
    ]
  })
  return [...lines, ...rest]
}

function resident({ resident, budgets }: Output, { terminal: { paint } }: CommandContext): string[] {
  const { state, why, residency, memoryBytes, running, waiting, usedAt, leavesAt } = resident
  return formatFields(
    [
      ['state', `${state}: ${why}`],
      ['residency', formatResidency(residency)],
      ['memory', formatBytes(memoryBytes)],
      ['calls', `${running} running, ${waiting} waiting`],
      ...(usedAt === null ? [] : [['last used', formatTime(usedAt)] as const]),
      ...(leavesAt === null ? [] : [['leaves', `${formatTime(leavesAt)} if nobody calls it`] as const]),
      ...budgetFields(budgets).map(([device, use]) => [`all in ${device}`, use] as const),
    ],
    paint,
  )
}

function history({ history }: Output, { terminal: { paint } }: CommandContext): string[] {
  return history.map(({ at, what, why }) => `${paint.dim(formatTime(at))}  ${inline(what)}: ${inline(why)}`)
}
