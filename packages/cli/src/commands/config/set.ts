import { SomaError } from '@soma/core'
import type { SettingChanges } from '@soma/host'
import { defineCommand } from '../../command.ts'
import { writeSettings } from './settings.ts'

export const command = defineCommand<[key: string, value?: string], { readonly unset?: boolean }>({
  examples: [
    'soma config set http.port 8080',
    'soma config set http.allowedOrigins \'["http://localhost:3000"]\'',
    'soma config set http.port --unset',
  ],
  configure: (command) =>
    void command
      .argument('<key>', 'e.g. http.port')
      .argument('[value]', 'text, or JSON for numbers and lists')
      .option('--unset', 'restore the default'),
  candidates: ['settings'],
  async run(ctx, { args: [key, value], options }) {
    if ((value === undefined) !== (options.unset === true))
      throw new SomaError('call/invalid-input', `give ${key} a value, or --unset to restore its default`)
    const { settings, daemonRuns } = await writeSettings(ctx, { [key]: value === undefined ? null : parseValue(value) })
    ctx.show({ settings }, () =>
      settings.map((setting) => `${setting.key} = ${JSON.stringify(setting.value)}${setting.source === 'default' ? ' (default)' : ''}`),
    )
    if (daemonRuns && settings.some((setting) => setting.needsRestart)) ctx.terminal.note('The running daemon takes it at its next start.')
  },
})

/** JSON where it is JSON, else a text: `8080`, `true`, `["a"]`, `127.0.0.1`. */
function parseValue(text: string): SettingChanges[string] {
  try {
    return JSON.parse(text) as SettingChanges[string]
  } catch {
    return text
  }
}
