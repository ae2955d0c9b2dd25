import { SomaError } from '@soma/core'
import { type Client, type CommandContext, defineCommand } from '../../command.ts'
import { plural } from '../../output/units.ts'

export const command = defineCommand<[model: string], { readonly key?: string }>({
  examples: ['soma model sign ocr', 'soma model sign ocr --key release'],
  notes: ['The signature goes wherever the package goes: `soma model pack`, `soma model publish`.'],
  configure: (command) =>
    void command
      .argument('<model>', 'name of the model')
      .option('--key <key>', 'name or id of the key (default: the only one here that can sign)'),
  candidates: ['models'],
  optionCandidates: { '--key': 'keys' },
  async run(ctx, { args: [model], options }) {
    const client = await ctx.connect()
    const key = options.key ?? (await onlyKey(ctx, client))
    const output = await client.call('model.sign', { model, key }, { signal: ctx.signal })
    ctx.show(output, ({ name, keyId, algorithms, files }) => [
      // The manifest is among them, and `show` does not list it.
      `signed ${name} (${plural(files, 'file')}, with its manifest) with ${keyId.slice(0, 16)} (${algorithms.join(' and ')})`,
    ])
  },
})

async function onlyKey({ signal }: CommandContext, client: Client): Promise<string> {
  const { keys } = await client.call('key.list', {}, { signal })
  const names = keys.filter(({ canSign }) => canSign).map(({ name }) => name)
  const [only] = names
  if (only !== undefined && names.length === 1) return only
  throw new SomaError(
    'call/invalid-input',
    names.length === 0
      ? 'no key here can sign; make one with `soma key create <name>`'
      : `say with which key: --key ${names.join(', --key ')}`,
  )
}
