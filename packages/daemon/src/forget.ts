import type { Clock, Log } from '@soma/core'

export interface ForgetDeps {
  readonly clock: Clock
  readonly log: Log
  /** Calls that ended since the start, and those under way. */
  readonly calls: () => { readonly total: number; readonly active: number }
  /** Collects all garbage; absent where the process was not started for it. */
  readonly collect: (() => void) | undefined
  readonly overwrite: () => Promise<void>
}

/** Between the end of calls and the end of what they brought. A collection takes 10 to 30 ms, in which nothing else is answered. */
const FORGET_MS = 500

/**
 * JavaScript's strings cannot be overwritten. With this they are collected soon after the call that brought them, and the
 * memory cleared; the process must have been started with `hardenedStart`.
 */
export function forgetAfterCalls({ clock, log, calls, collect, overwrite }: ForgetDeps): Disposable {
  let timer: Disposable | undefined
  let forgotten = 0
  let isOver = false
  const forget = async (total: number): Promise<void> => {
    await overwrite()
    // Twice: what finalizers let go of is garbage only then.
    collect?.()
    collect?.()
    forgotten = total
  }
  const look = async (): Promise<void> => {
    const { total, active } = calls()
    if (active === 0 && total !== forgotten)
      await forget(total).catch((error: unknown) => log.warn('what calls brought could not be overwritten', { error }))
    if (!isOver) timer = clock.schedule(FORGET_MS, () => void look())
  }
  void look()
  return {
    [Symbol.dispose]: () => {
      isOver = true
      timer?.[Symbol.dispose]()
    },
  }
}
