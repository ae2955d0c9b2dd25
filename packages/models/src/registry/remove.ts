import { SomaError } from '@soma/core'
import type { CallContext, CallOutput, ValidInput } from '@soma/spec'
import { removeAlias } from '../versions/alias.ts'
import { collectLater } from '../versions/collect-later.ts'
import type { VersionDeps } from '../versions/deps.ts'
import { noteUnsafe } from '../versions/unsafe-record.ts'
import { ALIAS_KIND, PACKAGE_KIND, VERSION_KIND } from './record.ts'

export type RemoveDeps = Pick<VersionDeps, 'store' | 'registry' | 'running' | 'log' | 'background'>

/**
 * The handler of `model.remove`. With the model go its aliases and earlier versions; of an alias only the alias goes. A model
 * whose record is damaged can be removed too: that is the way out of it.
 */
export async function removeModel(
  deps: RemoveDeps,
  { model: name }: ValidInput<'model.remove'>,
  ctx: CallContext,
): Promise<CallOutput<'model.remove'>> {
  const { registry, running } = deps
  if (registry.aliases.targetOf(name) !== undefined) {
    removeAlias(registry, name, ctx.effects)
    return { name, freedBytes: 0, aliases: [] }
  }
  if (!registry.has(name)) registry.get(name)
  if (running.isBusy(name)) throw inUse(name)
  if (running.isLoaded(name)) await running.unload(name)
  const freedBytes = registry.ownBytes(name)
  const aliases = registry.aliases.of(name)
  // Another call may have begun, or another removal ended, while the process was being unloaded.
  ctx.effects.require(() => {
    if (!registry.has(name)) registry.get(name)
    if (running.isBusy(name) || running.isLoaded(name)) throw inUse(name)
    noteUnsafe(ctx.effects, deps.store, name, undefined)
    for (const alias of registry.aliases.of(name)) ctx.effects.delete(ALIAS_KIND, alias)
    for (const kind of running.recordsOf(name)) ctx.effects.delete(kind, name)
    for (const key of registry.versions.keysOf(name)) ctx.effects.delete(VERSION_KIND, key)
  })
  ctx.effects.delete(PACKAGE_KIND, name)
  ctx.effects.emit({ name: 'model.removed', resource: `model/${name}`, data: { name, freedBytes } })
  ctx.effects.committed(() => {
    registry.forget(name)
    running.forget(name)
    collectLater(deps)
  })
  return { name, freedBytes, aliases }
}

function inUse(name: string): SomaError {
  return new SomaError('model/in-use', `${name} is running calls; unload it first, or try again when they are done`, {
    details: { model: name },
  })
}
