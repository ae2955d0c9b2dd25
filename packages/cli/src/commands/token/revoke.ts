import { SomaError } from '@soma/core'
import { defineCommand } from '../../command.ts'
import { listTokens } from './held.ts'

export const command = defineCommand<[token: string]>({
  examples: ['soma token revoke tok_0123456789abcdef'],
  configure: (command) => void command.argument('<token>', 'id, as `soma token list` shows it, or the token itself'),
  candidates: ['tokens'],
  async run(ctx, { args: [text] }) {
    const id = /tok_[0-9a-z]{16}|(?<=^soma_)[0-9a-z]{16}/.exec(text)?.[0] ?? text
    const found = (await listTokens(ctx)).find(({ token }) => token === id || token === `tok_${id}`)
    if (!found)
      throw new SomaError('capability/not-found', `no token "${id}" holds anything; \`soma token list\` shows those that do`, {
        details: { token: id },
      })
    const client = await ctx.connect()
    const revoked = new Set<string>()
    for (const { id: capability } of found.capabilities) {
      // Gone already when it was derived from one before it.
      if (revoked.has(capability)) continue
      const output = await client.call('capability.revoke', { capability }, { signal: ctx.signal })
      for (const one of output.revoked) revoked.add(one)
    }
    ctx.show({ token: found.token, revoked: [...revoked] }, () => [
      `revoked ${found.token}, which held ${found.capabilities.length === 1 ? 'one capability' : `${found.capabilities.length} capabilities`}`,
    ])
  },
})
