import type { CallOutput } from '@soma/spec'
import { type CommandContext, defineCommand } from '../../command.ts'
import { formatChecks } from '../../output/checks.ts'

type Output = CallOutput<'engine.doctor'>

export const command = defineCommand<[engine?: string]>({
  examples: ['soma engine doctor', 'soma engine doctor python'],
  notes: ['The exit code is 1 when the engine that is named cannot run here.'],
  configure: (command) => void command.argument('[engine]', 'id of the engine; all of them when absent'),
  candidates: ['engines'],
  async run(ctx, { args: [engine] }) {
    const client = await ctx.connect()
    const output = await client.call('engine.doctor', engine === undefined ? {} : { engine }, { signal: ctx.signal })
    ctx.show(output, () => render(output, ctx))
    // Of all engines some need what few have, or what few allow: that is no failure of the machine.
    return engine === undefined || output.engines.every(({ supported }) => supported) ? 0 : 1
  },
})

function render({ engines }: Output, { terminal: { paint } }: CommandContext): string[] {
  return engines.flatMap(({ engine, supported, devices, checks }, index) => [
    ...(index > 0 ? [''] : []),
    `${paint.bold(engine)}  ${supported ? `runs here, on ${devices.join(', ')}` : paint.red('does not run here')}`,
    ...formatChecks(checks, paint).map((line) => `  ${line}`),
  ])
}
