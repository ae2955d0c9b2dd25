// A second process for tests: what it does is its first argument, the store's folder its second.
import { writeSync } from 'node:fs'
import { silentLog } from '@soma/core'
import { createTestClock } from '@soma/testkit/clock'
import { type Store, openStore } from './index.ts'
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

  /** Appends to a partial for ever; byte n of it is n modulo 251. */
  async append(store) {
    const partial = await store.blobs.partial('the download')
    if (partial.validator === undefined) await partial.restart('"v1"')
    say(`${partial.sizeBytes} resumed`)
    for (;;) {
      const begin = partial.sizeBytes
      await partial.append(Uint8Array.from({ length: 70_001 }, (_, index) => (begin + index) % 251))
      say(`${partial.sizeBytes} appended`)
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

try {
  await tasks[task]?.(await openStore({ clock: createTestClock(), rng: testRng, log: silentLog }, { directory }))
} catch (error) {
  say(`failed ${String((error as { code?: unknown }).code)}`)
  process.exitCode = 1
}
