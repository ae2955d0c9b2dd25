import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type BlobDigest, type Log, type Rng, silentLog } from '@soma/core'
import { type TestClock, createTestClock } from '@soma/testkit/clock'
import { type Store, openStore } from './index.ts'

/** Drafts have random names; nothing in the tests depends on them. */
export const testRng: Rng = { bytes: (count) => randomBytes(count), float: () => 0.5 }

/** A store in a folder of its own, which can be closed, tampered with, and opened again. */
export class TestStore implements AsyncDisposable {
  readonly directory: string
  readonly clock: TestClock = createTestClock()
  /** Warnings and errors that were logged. */
  readonly complaints: string[] = []
  #store: Store | undefined

  private constructor(directory: string) {
    this.directory = directory
  }

  static async create(parent = tmpdir()): Promise<TestStore> {
    const test = new TestStore(await mkdtemp(join(parent, 'soma-store-')))
    await test.open()
    return test
  }

  get store(): Store {
    if (!this.#store) throw new Error('the test store is closed')
    return this.#store
  }

  get log(): Log {
    const complain = (message: string) => void this.complaints.push(message)
    return { ...silentLog, warn: complain, error: complain }
  }

  async open(): Promise<Store> {
    this.#store = await openStore({ clock: this.clock, rng: testRng, log: this.log }, { directory: this.directory })
    return this.#store
  }

  close(): void {
    this.#store?.[Symbol.dispose]()
    this.#store = undefined
  }

  async reopen(): Promise<Store> {
    this.close()
    return this.open()
  }

  path(...names: string[]): string {
    return join(this.directory, ...names)
  }

  /** Changes the closed database as somebody with an editor would, and opens it again. */
  async tamper(sql: string, ...values: Array<string | number>): Promise<Store> {
    this.close()
    const database = new DatabaseSync(this.path('soma.sqlite'))
    try {
      database.prepare(sql).run(...values)
    } finally {
      database.close()
    }
    return this.open()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close()
    await rm(this.directory, { recursive: true, force: true })
  }
}

export function digestOf(bytes: Uint8Array | string): BlobDigest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}` as BlobDigest
}

export async function collectBytes(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of source) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** A copy of `bytes` with one bit flipped. */
export function flipBitOf(bytes: Uint8Array, bit: number): Buffer {
  const flipped = Buffer.from(bytes)
  const index = Math.floor(bit / 8) % flipped.length
  flipped[index] = (flipped[index] ?? 0) ^ (1 << (bit % 8))
  return flipped
}

/** `text` with one bit of its UTF-8 flipped, as SQLite would hand it out. */
export function flipBit(text: string, bit: number): string {
  return flipBitOf(Buffer.from(text), bit).toString('utf8')
}
