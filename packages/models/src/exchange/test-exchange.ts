import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type LogRecord, OWNER, type PrincipalId, createLog, createSeededRng } from '@soma/core'
import { createChildSpawner, hostFacts, systemClock as clock } from '@soma/host'
import { type Kernel, createCalls, createKernel } from '@soma/kernel'
import { createFileSource } from '@soma/source-file'
import {
  type CallEvent,
  type CallInput,
  type CallOutput,
  type Calls,
  type Config,
  ConfigSchema,
  type Source,
  type StreamingCallName,
} from '@soma/spec'
import { type Store, openStore } from '@soma/store'
import { type Models, createModels } from '../create-models.ts'
import { TestSource } from '../install/test-source.ts'
import type { EngineEntry } from '../runtime/engine-connection.ts'
import { echoEngine } from '../runtime/test-world.ts'

/** A machine: real store, kernel and engine; sources from memory and from its own files. */
export class Machine implements AsyncDisposable {
  readonly directory: string
  readonly source = new TestSource()
  readonly config: Config = ConfigSchema.parse({})
  readonly logged: LogRecord[] = []
  readonly store: Store
  readonly kernel: Kernel
  readonly #models: Models

  static async create(sources: readonly Source[] = [], engines: readonly EngineEntry[] = [echoEngine]): Promise<Machine> {
    const directory = await mkdtemp(join(tmpdir(), 'soma-exchange-'))
    for (const folder of ['run', 'out']) await mkdir(join(directory, folder))
    const log = createLog({ level: 'debug', clock, write: () => undefined })
    const store = await openStore({ clock, rng: createSeededRng(1), log }, { directory: join(directory, 'data') })
    return new Machine(directory, store, { sources, engines })
  }

  private constructor(
    directory: string,
    store: Store,
    { sources, engines }: { readonly sources: readonly Source[]; readonly engines: readonly EngineEntry[] },
  ) {
    this.directory = directory
    this.store = store
    const log = createLog({ level: 'debug', clock, write: (record) => this.logged.push(record) })
    const rng = createSeededRng(2)
    const files = createFileSource({
      clock,
      rng,
      log,
      env: {},
      memoryBytes: 0,
      formats: [],
      fetch: () => Promise.reject(new Error('offline')),
    })
    this.#models = createModels(
      {
        store,
        clock,
        rng,
        log,
        hostFacts,
        sources: [this.source, files, ...sources],
        engines,
        children: createChildSpawner({ clock, log, env: process.env, directory: join(directory, 'run') }),
        calls: (caller) => createCalls(this.kernel, caller),
      },
      { models: this.config.models, install: () => this.config.install },
    )
    this.kernel = createKernel({ store, clock, rng, log }, this.#models.handlers)
  }

  get calls(): Calls {
    return this.as(OWNER)
  }

  as(principal: PrincipalId): Calls {
    return createCalls(this.kernel, { principal, face: 'ipc' })
  }

  /** A path of its own. */
  path(...parts: string[]): string {
    return join(this.directory, 'out', ...parts)
  }

  /** Runs a streaming call to its end. */
  async run<N extends StreamingCallName>(
    name: N,
    input: CallInput<N>,
    options: { readonly signal?: AbortSignal; readonly calls?: Calls } = {},
  ): Promise<{ readonly events: Array<CallEvent<N>>; readonly output: CallOutput<N> }> {
    const stream = (options.calls ?? this.calls).stream(name, input, { signal: options.signal })
    const events = await Array.fromAsync(stream)
    return { events, output: await stream.output }
  }

  /** Installs an echo model of these files from the source in memory. */
  async install(name: string, files: Readonly<Record<string, string | Uint8Array>> = {}): Promise<CallOutput<'model.install'>> {
    this.source.serve(name, { 'model.echo': '{}', ...files })
    return (await this.run('model.install', { reference: `test/${name}` })).output
  }

  /** Everything below a folder of its own. */
  async list(...parts: string[]): Promise<string[]> {
    return (await readdir(this.path(...parts), { recursive: true })).sort()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kernel.drain({ drainMs: 1000 })
    await this.#models.stop()
    this.kernel.stop()
    this.store[Symbol.dispose]()
    await rm(this.directory, { recursive: true, force: true })
  }
}
