import { SomaError } from '@soma/core'
import { axonCommand } from '../command.ts'
import { registryFile, writeRegistry } from '../registry-file.ts'

export const command = axonCommand<[name: string, url: string]>({
  examples: ['axon registry set default http://localhost:8080'],
  notes: ['Names of models that begin with no known source, like vision/resnet50, are looked up there.'],
  startsDaemon: false,
  configure: (command) => void command.argument('<name>', 'default').argument('<url>', 'address of an Axon registry'),
  async run(ctx, { args: [name, url] }) {
    if (name !== 'default') throw new SomaError('call/invalid-input', `there is one registry, "default"; "${name}" is none`)
    if (!URL.canParse(url) || !/^https?:\/\//.test(url))
      throw new SomaError('call/invalid-input', `"${url}" is no web address, such as http://localhost:8080`)
    const path = registryFile(ctx)
    await writeRegistry(path, url)
    ctx.show({ default: url, path }, () => [`the default registry is ${url} (${path})`])
  },
})
