import { type Log, SomaError } from '@soma/core'
import type { CallContext, CallOutput, ValidInput } from '@soma/spec'
import type { Store } from '@soma/store'
import type { Running } from '../ports.ts'
import { PACKAGE_KIND } from './record.ts'
import type { ModelRegistry } from './registry.ts'

export interface RemoveDeps {
  readonly store: Store
  readonly registry: ModelRegistry
  readonly running: Running
  readonly log: Log
  /** Work that goes on after the call; waited for when the daemon stops. */
  readonly background: (work: Promise<void>) => void
}

/** The handler of `model.remove`. A model whose record is damaged can be removed too: that is the way out of it. */
export async function removeModel(
  deps: RemoveDeps,
  { model: name }: ValidInput<'model.remove'>,
  ctx: CallContext,
): Promise<CallOutput<'model.remove'>> {
  const { registry, running } = deps
  if (!registry.has(name)) registry.get(name)
  if (running.isBusy(name)) throw inUse(name)
  if (running.isLoaded(name)) await running.unload(name)
  const freedBytes = registry.ownBytes(name)
  // Another call may have begun, or another removal ended, while the process was being unloaded.
  ctx.effects.require(() => {
    if (!registry.has(name)) registry.get(name)
    if (running.isBusy(name) || running.isLoaded(name)) throw inUse(name)
  })
  ctx.effects.delete(PACKAGE_KIND, name)
  ctx.effects.emit({ name: 'model.removed', resource: `model/${name}`, data: { name, freedBytes } })
  ctx.effects.committed(() => {
    registry.forget(name)
    deps.background(collect(deps, name))
  })
  return { name, freedBytes }
}

/** The bytes go after the record is gone for good, and not before. */
async function collect({ store, log }: RemoveDeps, name: string): Promise<void> {
  try {
    const { freedBytes } = await store.blobs.collect({})
    log.debug('freed the files of a removed model', { model: name, freedBytes })
  } catch (error) {
    log.warn('the files of a removed model could not be freed; they will be with the next removal', { model: name, error })
  }
}

function inUse(name: string): SomaError {
  return new SomaError('model/in-use', `${name} is running calls; unload it first, or try again when they are done`, {
    details: { model: name },
  })
}
