import assert from 'node:assert/strict'
import type { AnyCalls, FakeDispatcher, FakeHandler } from './fake-dispatcher.ts'

/** A running face and a client that talks to it. */
export interface FaceUnderTest extends AsyncDisposable {
  readonly client: AnyCalls
  /** Opens a connection of its own, sends these bytes, ends it, and resolves when it is over. */
  sendRaw(bytes: Uint8Array): Promise<void>
}

/** What the parts of the suite work with. */
export interface FaceFixture {
  readonly dispatcher: FakeDispatcher
  readonly face: FaceUnderTest
}

/** Lets `name` behave like `handler` until the returned thing is disposed. */
export function behave(dispatcher: FakeDispatcher, name: string, handler: FakeHandler): Disposable {
  dispatcher.handlers.set(name, handler)
  return { [Symbol.dispose]: () => void dispatcher.handlers.delete(name) }
}

/** Far above what a busy machine takes: only a hang reaches it. */
const UNTIL_MS_MAX = 60_000

/** Resolves once `condition` holds. Waits on the event loop, not on a time. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + UNTIL_MS_MAX
  while (!condition()) {
    assert.ok(performance.now() < deadline, `in vain: ${what}`)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** Resolves once `count` has not changed for a while, with its value. */
export async function settled(count: () => number): Promise<number> {
  let last = -1
  for (let quiet = 0; quiet < 200; quiet++) {
    if (count() !== last) quiet = 0
    last = count()
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  return last
}
