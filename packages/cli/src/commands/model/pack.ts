import { stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { type CommandContext, defineCommand } from '../../command.ts'
import { formatBytes } from '../../output/units.ts'
import { watchAs } from './watch.ts'

export const command = defineCommand<[model: string, path?: string], { readonly replace?: boolean }>({
  examples: ['soma model pack ocr', 'soma model pack ocr /mnt/usb/ocr.axon --replace'],
  notes: ['The archive holds everything: `soma model install ./ocr.axon` installs it on a machine without a network.'],
  configure: (command) =>
    void command
      .argument('<model>', 'name of the model')
      .argument('[path]', 'file or folder to write to (default: <model>.axon here)')
      .option('--replace', 'overwrite the file'),
  candidates: ['models', 'files'],
  async run(ctx, { args: [model, path], options: { replace } }) {
    const client = await ctx.connect()
    const input = { model, path: await archivePath(ctx, model, path), ...(replace && { replace }) }
    const stream = client.stream('model.pack', input, { signal: ctx.signal })
    const output = await watchAs(
      ctx,
      stream,
      ({ writtenBytes, totalBytes }) => ({
        type: 'download',
        path: `${model}.axon`,
        receivedBytes: writtenBytes,
        sizeBytes: totalBytes,
        resumedBytes: 0,
      }),
      { words: { doing: 'packing', done: 'packed' } },
    )
    ctx.show(output, ({ path, sizeBytes, digest }) => [`packed ${model} into ${path}, ${formatBytes(sizeBytes)}`, digest])
  },
})

/** Absolute, because the daemon works in another folder; inside `path` when that is a folder. */
async function archivePath(ctx: CommandContext, model: string, path: string | undefined): Promise<string> {
  const target = resolve(path ?? '.')
  const isFolder = path === undefined || path.endsWith('/') || (ctx.local && (await stat(target).catch(() => undefined))?.isDirectory())
  return isFolder ? join(target, `${model}.axon`) : target
}
