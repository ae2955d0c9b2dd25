import { SomaError } from '@soma/core'
import { type CallContext, publicReference, readsOf } from '@soma/spec'

/**
 * A model's reference was given when it was installed, maybe by somebody else: who follows it again needs the right to.
 * @throws {SomaError} `capability/denied`.
 */
export function checkMayFollow(reference: string, ctx: Pick<CallContext, 'allows' | 'caller'>): void {
  const missing = readsOf(reference).find(({ resource, right }) => !ctx.allows(resource, right))
  if (!missing) return
  const { principal } = ctx.caller
  const { resource, right } = missing
  throw new SomaError(
    'capability/denied',
    `${principal} may not ${right} ${resource}, which following ${publicReference(reference)} needs`,
    {
      details: { principal, resource, right },
    },
  )
}
