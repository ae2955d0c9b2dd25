import { writeSync } from 'node:fs'
import { Worker, isMainThread, workerData } from 'node:worker_threads'

/** A case that does not end within this many ms never does. */
const HANG_MS_MAX = 20_000
const LOOK_MS = 500

/** Notices from another thread that a case does not end, which its own could not say any more. */
export interface Watchdog extends Disposable {
  /** A case begins. */
  at(index: number): void
}

interface Shared {
  readonly what: string
  readonly current: Int32Array
}

/** @param what names the run. A case that hangs ends the process, after a line that says which it was. */
export function startWatchdog(what: string): Watchdog {
  const current = new Int32Array(new SharedArrayBuffer(4))
  const worker = new Worker(new URL(import.meta.url), { workerData: { what, current } satisfies Shared })
  return {
    at: (index) => {
      Atomics.store(current, 0, index)
    },
    [Symbol.dispose]: () => void worker.terminate(),
  }
}

function watch({ what, current }: Shared): void {
  let seen = -1
  let stillMs = 0
  setInterval(() => {
    const now = Atomics.load(current, 0)
    stillMs = now === seen ? stillMs + LOOK_MS : 0
    seen = now
    if (stillMs < HANG_MS_MAX) return
    writeSync(2, `${what}: case ${now} does not end\n`)
    process.kill(process.pid, 'SIGKILL')
  }, LOOK_MS)
}

if (!isMainThread && isShared(workerData)) watch(workerData)

function isShared(data: unknown): data is Shared {
  return typeof data === 'object' && data !== null && 'what' in data && 'current' in data
}
