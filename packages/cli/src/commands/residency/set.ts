import { SomaError } from '@soma/core'
import { defineCommand } from '../../command.ts'
import { parseResidency } from '../../input/residency.ts'
import { formatResidency } from '../../output/residency.ts'

interface Options {
  readonly pin?: boolean
  readonly unpin?: boolean
}

export const command = defineCommand<[model: string, mode?: string], Options>({
  examples: ['soma residency set tiny timeout=120', 'soma residency set tiny persistent --pin', 'soma residency set tiny --unpin'],
  notes: [
    'dynamic: load, answer, unload. persistent: stays, and is loaded when the daemon starts. timeout: leaves after so many idle seconds.',
    'swap: the weights leave, a warm process stays, so that coming back is faster. adaptive: learns when it is wanted.',
  ],
  configure: (command) =>
    void command
      .argument('<model>', 'name of the model')
      .argument('[mode]', 'dynamic, persistent, timeout=<seconds>, swap or adaptive')
      .option('--pin', 'never leaves to make room for others')
      .option('--unpin', 'may leave to make room for others'),
  candidates: ['models'],
  async run(ctx, { args: [model, mode], options: { pin = false, unpin = false } }) {
    if (mode === undefined && !pin && !unpin)
      throw new SomaError('call/invalid-input', `say what ${model} shall do: a mode, --pin or --unpin`)
    const client = await ctx.connect()
    const input = { model, ...(mode !== undefined && parseResidency(mode)), ...((pin || unpin) && { pinned: pin }) }
    const output = await client.call('model.residency', input, { signal: ctx.signal })
    ctx.show(output, ({ name, residency }) => [`${name}: ${formatResidency(residency)}`])
  },
})
