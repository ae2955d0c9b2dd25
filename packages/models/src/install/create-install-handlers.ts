import { diskSpace } from '@soma/host'
import type { Handlers } from '@soma/spec'
import { listModels, showModel } from '../registry/list.ts'
import { removeModel } from '../registry/remove.ts'
import { verifyModels } from '../registry/verify.ts'
import { type VersionCall, createVersionHandlers } from '../versions/create-version-handlers.ts'
import type { InstallDeps } from './deps.ts'
import { Downloads } from './downloads.ts'
import { Installer } from './install.ts'
import { CONNECTIONS_MAX } from './limits.ts'
import { Semaphore } from './semaphore.ts'
import { Throttle } from './throttle.ts'

/** What `createInstallHandlers` takes: everything that installing needs; the disk is asked for its free bytes unless told otherwise. */
export type InstallHandlersDeps = Omit<InstallDeps, 'freeBytes' | 'background'> &
  Partial<Pick<InstallDeps, 'freeBytes'>> & {
    /** CPUs that this process may use; one when absent. */
    readonly cpus?: () => number
  }

/** Disposing waits for what goes on behind the calls; nothing is left of it then. */
export interface InstallHandlers extends AsyncDisposable {
  /** For calls that install as a part of something else. */
  readonly installer: Installer
  readonly handlers: Required<Pick<Handlers, 'model.install' | 'model.list' | 'model.show' | 'model.verify' | 'model.remove' | VersionCall>>
}

/** The calls that install models, show them, verify them and remove them. */
export function createInstallHandlers(deps: InstallHandlersDeps): InstallHandlers {
  const { store, clock, rng, log, settings, registry, running, cpus = () => 1 } = deps
  const unfinished = new Set<Promise<void>>()
  const background = (work: Promise<void>): void => {
    unfinished.add(work)
    void work.finally(() => unfinished.delete(work))
  }
  const downloads = new Downloads({
    blobs: store.blobs,
    clock,
    rng,
    log,
    slots: new Semaphore(() => settings().parallel),
    connections: new Semaphore(() => CONNECTIONS_MAX),
    connectionsPerFile: () => settings().connections,
    throttle: new Throttle(clock, () => settings().bytesPerSecondMax),
    retries: () => settings().retries,
    chunkBytes: deps.chunkBytes,
  })
  const freeBytes = deps.freeBytes ?? (async () => (await diskSpace(store.directory)).freeBytes)
  const installer = new Installer({ ...deps, background, freeBytes }, downloads)
  const versions = createVersionHandlers({ store, registry, running, clock, log, settings, background, freeBytes, installer })
  return {
    installer,
    handlers: {
      ...versions,
      'model.install': (input, ctx) => installer.install(input, ctx),
      'model.list': (_input, ctx) => listModels({ registry, running }, ctx),
      'model.show': (input) => showModel({ store, registry, running }, input),
      'model.verify': (input, ctx) => verifyModels({ store, registry, running, clock, background, installer, cpus }, input, ctx),
      'model.remove': async (input, ctx) => removeModel({ store, registry, running, log, background }, input, ctx),
    },
    [Symbol.asyncDispose]: async () => {
      await installer.idle()
      while (unfinished.size > 0) await Promise.allSettled(unfinished)
    },
  }
}
