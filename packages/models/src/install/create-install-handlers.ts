import { diskSpace } from '@soma/host'
import type { Handlers } from '@soma/spec'
import { listModels, showModel } from '../registry/list.ts'
import { removeModel } from '../registry/remove.ts'
import { verifyModels } from '../registry/verify.ts'
import type { InstallDeps } from './deps.ts'
import { Downloads } from './downloads.ts'
import { Installer } from './install.ts'
import { PARKED_MAX } from './limits.ts'
import { Places, Semaphore } from './semaphore.ts'

/** What `createInstallHandlers` takes: everything that installing needs; the disk is asked for its free bytes unless told otherwise. */
export type InstallHandlersDeps = Omit<InstallDeps, 'freeBytes'> & Partial<Pick<InstallDeps, 'freeBytes'>>

/** Disposing waits for what goes on behind the calls; nothing is left of it then. */
export interface InstallHandlers extends AsyncDisposable {
  readonly handlers: Required<Pick<Handlers, 'model.install' | 'model.list' | 'model.show' | 'model.verify' | 'model.remove'>>
}

/** The calls that install models, show them, verify them and remove them. */
export function createInstallHandlers(deps: InstallHandlersDeps): InstallHandlers {
  const { store, clock, rng, log, settings, registry, running } = deps
  const background = new Set<Promise<void>>()
  const downloads = new Downloads({
    blobs: store.blobs,
    clock,
    rng,
    log,
    slots: new Semaphore(() => settings().parallel),
    parked: new Places(PARKED_MAX),
    retries: () => settings().retries,
  })
  const installer = new Installer(
    { ...deps, freeBytes: deps.freeBytes ?? (async () => (await diskSpace(store.directory)).freeBytes) },
    downloads,
  )
  const inBackground = (work: Promise<void>): void => {
    background.add(work)
    void work.finally(() => background.delete(work))
  }
  return {
    handlers: {
      'model.install': (input, ctx) => installer.install(input, ctx),
      'model.list': (_input, ctx) => listModels({ registry, running }, ctx),
      'model.show': (input) => showModel({ registry, running }, input),
      'model.verify': (input, ctx) => verifyModels({ store, registry, clock }, input, ctx),
      'model.remove': async (input, ctx) => removeModel({ store, registry, running, log, background: inBackground }, input, ctx),
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all([installer.idle(), ...background])
    },
  }
}
