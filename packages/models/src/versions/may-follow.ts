import { SomaError } from '@soma/core'
import { type CallContext, type Need, type Right, publicReference, readsOf } from '@soma/spec'
import type { InstalledModel, Registry } from '../ports.ts'

/**
 * The model that a call is to change. Who may change an alias may point it elsewhere; what it stands for is changed by those who may
 * do that under its own name.
 * @throws {SomaError} `model/not-found`, `capability/denied`.
 */
export function modelToChange(
  registry: Pick<Registry, 'get'>,
  name: string,
  ctx: Pick<CallContext, 'allows' | 'caller'>,
  right: Right = 'install',
): InstalledModel {
  const model = registry.get(name)
  const resource = `model/${model.name}`
  if (model.name !== name && !ctx.allows(resource, right))
    throw denied(ctx, { resource, right }, `changing what the alias ${name} stands for`)
  return model
}

/**
 * A model's reference was given when it was installed, maybe by somebody else: who follows it again needs the right to.
 * @throws {SomaError} `capability/denied`.
 */
export function checkMayFollow(reference: string, ctx: Pick<CallContext, 'allows' | 'caller'>): void {
  const missing = readsOf(reference).find(({ resource, right }) => !ctx.allows(resource, right))
  if (missing) throw denied(ctx, missing, `following ${publicReference(reference)}`)
}

/** That the caller lacks a right which only the handler could know that it takes. */
export function denied({ caller: { principal } }: Pick<CallContext, 'caller'>, { resource, right }: Need, what: string): SomaError {
  const message = `${principal} may not ${right} ${resource}, which ${what} needs`
  return new SomaError('capability/denied', message, { details: { principal, resource, right } })
}
