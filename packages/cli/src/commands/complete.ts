import { SomaError } from '@soma/core'
import { defineCommand } from '../command.ts'

interface Options {
  readonly candidates?: boolean
}

const shells = ['bash', 'zsh', 'fish'] as const

export const command = defineCommand<[shell: string | undefined, words: readonly string[]], Options>({
  examples: [
    'source <(soma complete bash)',
    'soma complete zsh > "${fpath[1]}/_soma"',
    'soma complete fish > ~/.config/fish/completions/soma.fish',
  ],
  configure: (command) => {
    command.argument('[shell]', shells.join(', ')).argument('[words...]')
    command.addOption(command.createOption('--candidates', 'what can come next; asked by the scripts').hideHelp())
  },
  async run(ctx, { args: [shell, words], options }) {
    if (options.candidates) {
      const { findCandidates } = await import('../completion/candidates.ts')
      for (const candidate of await findCandidates([shell ?? '', ...words], ctx)) ctx.terminal.line(candidate)
      return
    }
    const { completionScripts } = await import('../completion/scripts.ts')
    const known = shells.find((one) => one === shell)
    if (!known) throw new SomaError('call/invalid-input', `say for which shell: ${shells.join(', ')}`)
    ctx.show({ shell: known, script: completionScripts(ctx.table.name)[known] }, ({ script }) => [script.trimEnd()])
  },
})
