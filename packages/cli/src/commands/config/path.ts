import { defineCommand } from '../../command.ts'

export const command = defineCommand({
  examples: ['soma config path', '$EDITOR "$(soma config path)"'],
  async run(ctx) {
    ctx.show({ path: ctx.paths.configFile }, ({ path }) => [path])
  },
})
