import { ensureFolders } from '@soma/host'
import { formatFields } from '../../output/table.ts'
import { axonCommand } from '../command.ts'

export const command = axonCommand({
  examples: ['axon init'],
  notes: ['Optional: everything else makes what it needs.'],
  startsDaemon: false,
  async run(ctx) {
    const { paths } = ctx
    ensureFolders(paths)
    const output = { data: paths.data, configFile: paths.configFile, socket: paths.socket }
    ctx.show(output, ({ data, configFile, socket }) => [
      'ready',
      ...formatFields(
        [
          ['models', data],
          ['settings', configFile],
          ['socket', socket],
        ],
        ctx.terminal.paint,
      ),
      ctx.terminal.paint.dim('Next: axon install hf/bert-base-uncased@latest'),
    ])
  },
})
