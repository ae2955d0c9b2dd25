// A second process for tests: what it does is its first argument, the store's folder its second.
import { writeSync } from 'node:fs'
import { silentLog } from '@soma/core'
import { createTestClock } from '@soma/testkit/clock'
import { type Partial, type Store, openStore } from './index.ts'
import { testRng } from './test-store.ts'

const [task = '', directory = ''] = process.argv.slice(2)

/** One synchronous line: whoever reads it knows that the line before it was done. */
const say = (line: string): void => void writeSync(1, `${line}\n`)

const tasks: Record<string, (store: Store) => Promise<void>> = {
  /** Holds the store until killed. */
  async hold() {
    say('held')
    await new Promise<void>((resolve) => process.stdin.once('close', resolve).resume())
  },

  /** Commits for ever, and says which number is acknowledged. */
  async commit(store) {
    for (let number = store.log.head.seq + 1; ; number++) {
      const event = { at: number, name: 'test.committed', resource: `test/${number}`, data: { number } }
      const writes = [{ action: 'put', kind: 'test', key: `k${number}`, value: { number, text: 'x'.repeat(number % 500) } }] as const
      store.commit({ entries: [JSON.stringify({ number })], writes, events: [event] })
      say(`${number} ${store.log.head.hash}`)
      if (number % 50 === 0) store.log.checkpoint()
    }
  },

  /** Fills the chunks of a partial for ever, two at a time; byte n of it is n modulo 251. */
  async append(store) {
    const partial = await store.blobs.partial('the download', { chunkBytes: 256 * 1024 })
    if (partial.validator === undefined) await partial.restart('"v1"')
    say(`${partial.receivedBytes} resumed`)
    for (let chunk = partial.firstMissing(); ; chunk = partial.firstMissing()) {
      await Promise.all([fill(partial, chunk), fill(partial, chunk + 1)])
      say(`${partial.receivedBytes} appended`)
    }
  },

  /** Writes a blob that never ends. */
  async write(store) {
    await store.blobs.write(
      (async function* () {
        for (;;) {
          say('writing')
          await new Promise((resolve) => setImmediate(resolve))
          yield Buffer.alloc(1 << 20, 7)
        }
      })(),
    )
  },
}

async function fill(partial: Partial, chunk: number): Promise<void> {
  for (let at = partial.filled(chunk); at < partial.chunkBytes; at = partial.filled(chunk)) {
    const begin = chunk * partial.chunkBytes + at
    await partial.append(
      chunk,
      Uint8Array.from({ length: Math.min(70_001, partial.chunkBytes - at) }, (_, index) => (begin + index) % 251),
    )
  }
}

try {
  await tasks[task]?.(await openStore({ clock: createTestClock(), rng: testRng, log: silentLog }, { directory }))
} catch (error) {
  say(`failed ${String((error as { code?: unknown }).code)}`)
  process.exitCode = 1
}
