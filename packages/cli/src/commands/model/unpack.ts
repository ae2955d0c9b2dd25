import { basename, resolve } from 'node:path'
import { defineCommand } from '../../command.ts'
import { formatBytes, plural } from '../../output/units.ts'

export const command = defineCommand<[archive: string, folder?: string]>({
  examples: ['soma model unpack ocr.axon', 'soma model unpack ocr.axon ./here'],
  notes: ['Checked as installing does it: no links, no paths out of the folder, no bombs. Nothing is overwritten.'],
  configure: (command) =>
    void command
      .argument('<archive>', 'an .axon, .tar.gz, .tar or .zip file')
      .argument('[folder]', 'folder to make (default: named like the archive)'),
  candidates: ['files', 'files'],
  async run(ctx, { args: [archive, folder] }) {
    const client = await ctx.connect()
    const path = resolve(archive)
    const target = resolve(folder ?? basename(path).replace(/\.(axon|tar\.gz|tgz|tar|zip)$/i, ''))
    const output = await client.call('model.unpack', { path, folder: target }, { signal: ctx.signal })
    ctx.show(output, ({ folder, files, sizeBytes }) => [`unpacked ${plural(files, 'file')}, ${formatBytes(sizeBytes)}, into ${folder}`])
  },
})
