import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { OWNER, createSeededRng, silentLog } from '@soma/core'
import type { Caller, Handlers } from '@soma/spec'
import { type Store, openStore } from '@soma/store'
import { type TestClock, createTestClock } from '@soma/testkit/clock'
import { type Kernel, createCalls, createKernel } from './index.ts'

export const owner: Caller = { principal: OWNER, face: 'ipc' }

/** A kernel on a real store in a folder of its own, with a clock that stands still. */
export class TestKernel implements AsyncDisposable {
  readonly clock: TestClock
  readonly directory: string
  #store: Store
  #kernel: Kernel
  readonly #handlers: Handlers
  #seed = 7

  private constructor(directory: string, clock: TestClock, store: Store, handlers: Handlers) {
    this.directory = directory
    this.clock = clock
    this.#store = store
    this.#handlers = handlers
    this.#kernel = this.#start()
  }

  static async create(handlers: Handlers = {}): Promise<TestKernel> {
    const directory = await mkdtemp(join(tmpdir(), 'soma-kernel-'))
    const clock = createTestClock()
    const store = await openStore({ clock, rng: createSeededRng(1), log: silentLog }, { directory })
    return new TestKernel(directory, clock, store, { ...echo, ...handlers })
  }

  get kernel(): Kernel {
    return this.#kernel
  }

  get store(): Store {
    return this.#store
  }

  /** The calls of the owner. */
  get calls(): ReturnType<typeof createCalls> {
    return this.as(owner)
  }

  as(caller: Caller): ReturnType<typeof createCalls> {
    return createCalls(this.#kernel, caller)
  }

  /** Ends as a killed process would: what was not committed is lost. */
  async restart(options: { readonly tamper?: (database: DatabaseSync) => void } = {}): Promise<void> {
    this.#store[Symbol.dispose]()
    if (options.tamper) {
      using database = new DatabaseSync(join(this.directory, 'soma.sqlite'))
      options.tamper(database)
    }
    this.#store = await openStore({ clock: this.clock, rng: createSeededRng(this.#seed++), log: silentLog }, { directory: this.directory })
    this.#kernel = this.#start()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#store[Symbol.dispose]()
    await rm(this.directory, { recursive: true, force: true })
  }

  #start(): Kernel {
    return createKernel({ store: this.#store, clock: this.clock, rng: createSeededRng(this.#seed++), log: silentLog }, this.#handlers)
  }
}

const echo: Handlers = {
  'system.echo': (input) => input,
  'system.health': () => ({ status: 'ok', version: '0', uptimeMs: 0 }),
}
