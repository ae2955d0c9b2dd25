import type { PrincipalId } from '@soma/core'
import type { Capability } from '@soma/spec'
import type { CommandContext } from '../../command.ts'

/** What one token holds. */
export interface HeldToken {
  readonly token: string
  readonly holder: PrincipalId
  readonly capabilities: readonly Capability[]
}

/** The tokens that hold anything; one that holds nothing can do nothing. */
export async function listTokens(ctx: CommandContext): Promise<HeldToken[]> {
  const client = await ctx.connect()
  const { capabilities } = await client.call('capability.list', {}, { signal: ctx.signal })
  const held = Map.groupBy(
    capabilities.filter(({ holder }) => holder.startsWith('token:')),
    ({ holder }) => holder,
  )
  return [...held].map(([holder, list]) => ({ token: holder.slice('token:'.length), holder, capabilities: list }))
}
