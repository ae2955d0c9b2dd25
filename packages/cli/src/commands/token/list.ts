import { formatGrant } from '@soma/spec'
import { defineCommand } from '../../command.ts'
import { type Column, formatTable } from '../../output/table.ts'
import { formatTime } from '../../output/units.ts'
import { formatExpiry } from '../capability/tree.ts'
import { type HeldToken, listTokens } from './held.ts'

export const command = defineCommand({
  examples: ['soma token list', "soma token list --json | jq -r '.tokens[].token'"],
  async run(ctx) {
    const tokens = await listTokens(ctx)
    ctx.show({ tokens }, () => (tokens.length === 0 ? ['no tokens'] : formatTable(tokens, columns(ctx.clock.now()), ctx.terminal)))
  },
})

function columns(now: number): ReadonlyArray<Column<HeldToken>> {
  const first = ({ capabilities }: HeldToken): HeldToken['capabilities'][number] | undefined => capabilities[0]
  return [
    { title: 'token', value: ({ token }) => token },
    { title: 'can', value: ({ capabilities }) => capabilities.map(formatGrant).join(' '), shrinks: true },
    { title: 'expires', value: (token) => formatExpiry(first(token)?.expiresAt ?? null, now) },
    { title: 'made', value: (token) => formatTime(first(token)?.createdAt ?? 0) },
    { title: 'label', value: (token) => first(token)?.label ?? '', shrinks: true },
  ]
}
