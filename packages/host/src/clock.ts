import { type Clock, abortError, throwIfAborted } from '@soma/core'
import { TIMER_MS_MAX } from './limits.ts'

/** The machine's time. Scheduled callbacks do not keep the process alive; a sleep does, because somebody waits for it. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  schedule: (delayMs, callback) => startTimer(delayMs, callback, { keepAlive: false }),
  sleep: (delayMs, options) => sleep(delayMs, options?.signal),
}

function startTimer(delayMs: number, callback: () => void, options: { readonly keepAlive: boolean }): Disposable {
  const deadline = performance.now() + delayMs
  let timer: NodeJS.Timeout
  const arm = (remainingMs: number): void => {
    timer = setTimeout(() => fire(), Math.min(Math.max(remainingMs, 0), TIMER_MS_MAX))
    if (!options.keepAlive) timer.unref()
  }
  const fire = (): void => (deadline - performance.now() > TIMER_MS_MAX / 2 ? arm(deadline - performance.now()) : callback())
  arm(delayMs)
  return { [Symbol.dispose]: () => clearTimeout(timer) }
}

async function sleep(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  throwIfAborted(signal)
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const onAbort = (): void => reject(signal && abortError(signal))
  const timer = startTimer(delayMs, resolve, { keepAlive: true })
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    await promise
  } finally {
    timer[Symbol.dispose]()
    signal?.removeEventListener('abort', onAbort)
  }
}
