import type { CommandContext } from '../../command.ts'
import { command as install } from '../../commands/model/install.ts'
import { axonCommand } from '../command.ts'
import { sourceReference, splitReference } from '../reference.ts'

interface Options {
  readonly name?: string
  readonly format: string
  readonly replace?: boolean
  readonly allowUnsafe?: boolean
  readonly verbose?: boolean
}

export const command = axonCommand<[reference: string], Options>({
  examples: [
    'axon install hf/bert-base-uncased@latest',
    'axon install hf/bert-base-uncased@latest --format onnx',
    'axon install pytorch/vision/resnet50@latest',
  ],
  notes: ['Nothing is converted: --format chooses among what a repository holds.'],
  configure: (command) =>
    void command
      .argument('<model>', 'namespace/name[@version]')
      .option('--format <format>', 'onnx, pytorch, safetensors, gguf, …: one that the repository holds', 'auto')
      .option('--name <name>', 'name to install it under')
      .option('--replace', 'replace a different model of the same name')
      .option('--allow-unsafe', 'install pickles that would run more than loading weights needs; audited')
      .option('--verbose', 'also a line for each file that is checked, or was on this disk already'),
  candidates: ['references'],
  async run(ctx, { args: [reference], options: { format, ...options } }) {
    return await install.run(ctx, { args: [inFormat(ctx, await sourceReference(ctx, reference), format)], options })
  },
})

/** Sources whose repositories hold a model in several formats. */
const several = /^(hf|modelscope)\//

/** On the hubs the format stands after a colon; elsewhere a model has the one it has. */
function inFormat({ terminal }: CommandContext, reference: string, format: string): string {
  if (format === 'auto' || splitReference(reference).selector !== undefined) return reference
  if (several.test(reference)) return `${reference}:${format}`
  terminal.note(`${reference} comes in one format; --format ${format} is not needed`)
  return reference
}
