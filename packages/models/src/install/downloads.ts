import { SomaError, untilAborted } from '@soma/core'
import type { Artifact, Source } from '@soma/spec'
import type { TransferListener } from './chunk-fetch.ts'
import { Transfer, type TransferDeps } from './transfer.ts'

/** One transfer and everybody who waits for it. */
interface Shared {
  readonly transfer: Transfer
  readonly listeners: Set<TransferListener>
  users: number
  /** Failed, or left by its last user: nobody may join it any more. */
  over: boolean
  /** Resolves when its partial download is closed, so that it can be opened again. */
  readonly closed: PromiseWithResolvers<void>
}

/** A user's hold on a transfer. Disposing the last one ends it. */
export interface SharedTransfer extends AsyncDisposable {
  readonly transfer: Transfer
}

/** All transfers that run, by artifact key: who wants bytes that are already coming waits for the same ones. */
export class Downloads {
  readonly #deps: TransferDeps
  readonly #running = new Map<string, Shared>()

  constructor(deps: TransferDeps) {
    this.#deps = deps
  }

  /** Transfers that are open now. */
  get size(): number {
    return this.#running.size
  }

  async join(
    source: Source,
    artifact: Artifact,
    use: { readonly listener: TransferListener; readonly signal: AbortSignal },
  ): Promise<SharedTransfer> {
    for (let shared = this.#running.get(artifact.key); shared; shared = this.#running.get(artifact.key)) {
      // Who was promised something else of the same bytes checks them alone.
      if (!shared.over && promisesEqual(shared.transfer.artifact, artifact)) return this.#hold(shared, use.listener)
      await untilAborted(shared.closed.promise, use.signal)
    }
    return this.#hold(this.#start(source, artifact), use.listener)
  }

  #start(source: Source, artifact: Artifact): Shared {
    const listeners = new Set<TransferListener>()
    const transfer = new Transfer(this.#deps, source, artifact, {
      progress: (state) => listeners.forEach((listener) => listener.progress(state)),
      retry: (retry) => listeners.forEach((listener) => listener.retry(retry)),
    })
    const shared: Shared = { transfer, listeners, users: 0, over: false, closed: Promise.withResolvers<void>() }
    transfer.complete.catch(() => (shared.over = true))
    this.#running.set(artifact.key, shared)
    return shared
  }

  #hold(shared: Shared, listener: TransferListener): SharedTransfer {
    shared.users++
    shared.listeners.add(listener)
    let held = true
    return {
      transfer: shared.transfer,
      [Symbol.asyncDispose]: async () => {
        if (!held) return
        held = false
        shared.listeners.delete(listener)
        if (--shared.users === 0) await this.#close(shared)
      },
    }
  }

  async #close(shared: Shared): Promise<void> {
    shared.over = true
    try {
      await shared.transfer.close(new SomaError('call/cancelled', 'nobody waits for this download any more'))
    } finally {
      this.#running.delete(shared.transfer.artifact.key)
      shared.closed.resolve()
    }
  }
}

export function promisesEqual(a: Artifact, b: Artifact): boolean {
  return a.sizeBytes === b.sizeBytes && a.integrity?.algorithm === b.integrity?.algorithm && a.integrity?.digest === b.integrity?.digest
}
