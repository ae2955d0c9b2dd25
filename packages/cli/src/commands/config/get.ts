import { SomaError } from '@soma/core'
import { nearestSetting } from '@soma/host'
import { defineCommand } from '../../command.ts'
import { readSettings } from './settings.ts'

export const command = defineCommand<[key: string]>({
  examples: ['soma config get http.port', 'soma config get http.port --json'],
  configure: (command) => void command.argument('<key>', 'e.g. http.port'),
  candidates: ['settings'],
  async run(ctx, { args: [key] }) {
    const { settings } = await readSettings(ctx)
    const setting = settings.find((one) => one.key === key)
    if (!setting)
      throw new SomaError('config/invalid', `there is no setting "${key}"; did you mean ${nearestSetting(key)}?`, { details: { key } })
    ctx.show(setting, ({ value }) => [typeof value === 'string' ? value : JSON.stringify(value)])
  },
})
