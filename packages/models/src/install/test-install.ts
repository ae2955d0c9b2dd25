import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type CallId, type Clock, OWNER, createSeededRng, isSomaError, silentLog } from '@soma/core'
import { systemClock } from '@soma/host'
import {
  type CallContext,
  type CallEvent,
  type CallInput,
  type CallOutput,
  type EngineDescriptor,
  type Source,
  callTable,
} from '@soma/spec'
import { type EventWrite, type RecordWrite, type Store, openStore } from '@soma/store'
import type { InstalledModel, Running } from '../ports.ts'
import { type ModelRegistry, createRegistry } from '../registry/registry.ts'
import { type InstallHandlers, type InstallHandlersDeps, createInstallHandlers } from './create-install-handlers.ts'
import { TestSource } from './test-source.ts'

type Name = keyof InstallHandlers['handlers']

/** Engines as their packages declare them. */
export const testEngines: readonly EngineDescriptor[] = [
  engine('ocr', 'paddleocr-onnx', 'image-to-text', {
    detection: '**/*_det_*.onnx',
    recognition: '**/*_rec_*.onnx',
    dictionary: '**/*keys*.txt',
  }),
  engine('onnx', 'onnx', 'tensor-to-tensor', { model: '**/*.onnx' }),
  engine('echo', 'echo', 'tensor-to-tensor', { model: '**/*.echo' }),
]

function engine(id: string, format: string, task: string, files: Record<string, string>): EngineDescriptor {
  return { smiVersion: 1, id, title: id, version: '1', formats: [format], tasks: [task], layouts: [{ format, task, files }] }
}

/** A runtime in which nothing runs unless told so. */
export class TestRunning implements Running {
  readonly loaded = new Set<string>()
  readonly busy = new Set<string>()
  readonly unloaded: string[] = []

  engineOf(model: InstalledModel): string | null {
    return model.engine
  }

  recordsOf(): readonly string[] {
    return []
  }

  forget(): void {}

  isLoaded(name: string): boolean {
    return this.loaded.has(name)
  }

  isBusy(name: string): boolean {
    return this.busy.has(name)
  }

  async unload(name: string): Promise<boolean> {
    this.unloaded.push(name)
    return this.loaded.delete(name)
  }
}

export interface CallOptions {
  readonly signal?: AbortSignal
  /** Called with each event before the next is asked for. */
  readonly onEvent?: (event: never) => void | Promise<void>
  readonly allows?: (resource: string) => boolean
  /** Makes the commit fail, as a full disk would. */
  readonly failCommit?: Error
}

/** The installing half with a real store, a source in memory, and what the kernel does around a handler. */
export class TestInstall implements AsyncDisposable {
  readonly directory: string
  readonly source = new TestSource()
  readonly running = new TestRunning()
  readonly sleeps: number[] = []
  readonly emitted: EventWrite[] = []
  freeBytes = Number.MAX_SAFE_INTEGER
  parallel = 4
  retries = 3
  connections = 4
  bytesPerSecondMax = 0
  keepVersions = 1
  offline = false
  cloud = false
  licencesRefused: readonly string[] = []
  /** Timers are due at once. */
  timersAtOnce = false
  readonly #more: Partial<InstallHandlersDeps>
  readonly #sources: readonly Source[]
  #parts: { readonly store: Store; readonly registry: ModelRegistry; readonly install: InstallHandlers } | undefined

  private constructor(directory: string, sources: readonly Source[], more: Partial<InstallHandlersDeps>) {
    this.directory = directory
    this.#sources = sources
    this.#more = more
  }

  static async create(
    options: { readonly sources?: readonly Source[]; readonly directory?: string; readonly deps?: Partial<InstallHandlersDeps> } = {},
  ): Promise<TestInstall> {
    const directory = options.directory ?? (await mkdtemp(join(tmpdir(), 'soma-install-')))
    const test = new TestInstall(directory, options.sources ?? [], options.deps ?? {})
    await test.open()
    return test
  }

  /** Waiting takes no time here, but is written down. */
  get clock(): Clock {
    return {
      ...systemClock,
      schedule: (delayMs, callback) => systemClock.schedule(this.timersAtOnce ? 0 : delayMs, callback),
      sleep: async (delayMs, options) => {
        options?.signal?.throwIfAborted()
        this.sleeps.push(delayMs)
      },
    }
  }

  get store(): Store {
    return this.#opened().store
  }

  get registry(): ModelRegistry {
    return this.#opened().registry
  }

  #opened(): { readonly store: Store; readonly registry: ModelRegistry; readonly install: InstallHandlers } {
    if (!this.#parts) throw new Error('the test is closed')
    return this.#parts
  }

  async open(): Promise<void> {
    const { clock, running } = this
    const rng = createSeededRng(1)
    const store = await openStore({ clock, rng, log: silentLog }, { directory: this.directory })
    const registry = createRegistry({ store, log: silentLog })
    const install = createInstallHandlers({
      store,
      registry,
      running,
      sources: [this.source, ...this.#sources],
      engines: () => testEngines,
      clock,
      rng,
      log: silentLog,
      freeBytes: async () => this.freeBytes,
      settings: () => ({
        parallel: this.parallel,
        retries: this.retries,
        connections: this.connections,
        bytesPerSecondMax: this.bytesPerSecondMax,
        keepVersions: this.keepVersions,
        cloud: this.cloud,
        licencesRefused: this.licencesRefused,
        offline: this.offline,
      }),
      ...this.#more,
    })
    this.#parts = { store, registry, install }
  }

  async close(): Promise<void> {
    await this.#parts?.install[Symbol.asyncDispose]()
    this.#parts?.store[Symbol.dispose]()
    this.#parts = undefined
  }

  async reopen(): Promise<void> {
    await this.close()
    await this.open()
  }

  /** Waits until nothing goes on behind the calls. */
  async idle(): Promise<void> {
    await this.#opened().install[Symbol.asyncDispose]()
  }

  /** Runs a call as the kernel would: validated, its effects committed at once, then settled. */
  async call<N extends Name>(
    name: N,
    input: CallInput<N>,
    options: CallOptions = {},
  ): Promise<{ readonly output: CallOutput<N>; readonly events: Array<CallEvent<N>> }> {
    const effects = new TestEffects()
    const ctx = this.#context(effects, options)
    const events: Array<CallEvent<N>> = []
    try {
      const result: unknown = this.#handler(name)(callTable[name].input.parse(input), ctx)
      const output = isGenerator(result) ? await drain(result, events, options) : await result
      this.#commit(effects, options)
      return { output: callTable[name].output.parse(output) as CallOutput<N>, events }
    } finally {
      for (const action of effects.atEnd) action()
    }
  }

  install(
    reference: string,
    more: Partial<CallInput<'model.install'>> = {},
    options: CallOptions = {},
  ): Promise<{ readonly output: CallOutput<'model.install'>; readonly events: Array<CallEvent<'model.install'>> }> {
    return this.call('model.install', { reference, ...more }, options)
  }

  #handler(name: Name): (input: unknown, ctx: CallContext) => unknown {
    return this.#opened().install.handlers[name] as (input: unknown, ctx: CallContext) => unknown
  }

  #context(effects: TestEffects, { signal = new AbortController().signal, allows = () => true }: CallOptions): CallContext {
    return {
      callId: 'call_0000000000000000' as CallId,
      caller: { principal: OWNER, face: 'internal' },
      signal,
      log: silentLog,
      allows,
      effects,
    }
  }

  #commit(effects: TestEffects, { failCommit }: CallOptions): void {
    for (const check of effects.checks) check()
    if (failCommit) throw failCommit
    const at = this.clock.now()
    const events = effects.events.map((event) => ({ at, ...event }))
    if (effects.writes.length > 0) this.store.commit({ writes: effects.writes, events })
    this.emitted.push(...events)
    for (const action of effects.afterwards) action()
  }

  /** What is on the disk beside the database. */
  async leftovers(): Promise<{ readonly blobs: number; readonly partials: number; readonly temporary: number; readonly layouts: number }> {
    const count = async (...folder: string[]): Promise<number> => {
      const found = await readdir(join(this.directory, ...folder), { recursive: true, withFileTypes: true }).catch(() => [])
      return found.filter((entry) => entry.isFile()).length
    }
    return {
      blobs: await count('blobs'),
      partials: await count('partials'),
      temporary: await count('tmp'),
      layouts: await count('run', 'packages'),
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
    await rm(this.directory, { recursive: true, force: true })
  }
}

class TestEffects {
  readonly writes: RecordWrite[] = []
  readonly events: Array<Omit<EventWrite, 'at'>> = []
  readonly checks: Array<() => void> = []
  readonly afterwards: Array<() => void> = []
  readonly atEnd: Array<() => void> = []

  put(kind: string, key: string, value: unknown, options: { readonly blobs?: readonly never[] } = {}): void {
    this.writes.push({ action: 'put', kind, key, value, ...options })
  }

  delete(kind: string, key: string): void {
    this.writes.push({ action: 'delete', kind, key })
  }

  emit(event: Omit<EventWrite, 'at'>): void {
    this.events.push(event)
  }

  require(check: () => void): void {
    this.checks.push(check)
  }

  committed(action: () => void): void {
    this.afterwards.push(action)
  }

  settled(action: () => void): void {
    this.atEnd.push(action)
  }
}

async function drain(stream: AsyncGenerator<unknown, unknown, void>, events: unknown[], { onEvent }: CallOptions): Promise<unknown> {
  try {
    for (let next = await stream.next(); ; next = await stream.next()) {
      if (next.done) return next.value
      events.push(next.value)
      await onEvent?.(next.value as never)
    }
  } finally {
    await stream.return(undefined)
  }
}

function isGenerator(value: unknown): value is AsyncGenerator<unknown, unknown, void> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value
}

/** The code of what a promise is rejected with. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
    return 'none'
  } catch (error) {
    if (isSomaError(error)) return error.code
    throw error
  }
}
