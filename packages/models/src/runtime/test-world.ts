import assert from 'node:assert/strict'
import { mkdtempSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import {
  type BlobDigest,
  type CallId,
  type ErrorCode,
  type LogRecord,
  OWNER,
  SomaError,
  createLog,
  createSeededRng,
  isSomaError,
} from '@soma/core'
import { descriptor as echo } from '@soma/engine-echo'
import { createChildSpawner, systemClock } from '@soma/host'
import { type CallContext, type EngineDescriptor, type HostFacts, type ModelPackage, type Tensor, encodeValues } from '@soma/spec'
import { LEARNED_KIND } from '@soma/store'
import { layOut } from '@soma/testkit/engine'
import type { InstalledModel, Registry } from '../ports.ts'
import type { EngineEntry } from './engine-connection.ts'
import type { RuntimeDeps, RuntimeOptions } from './model-host.ts'
import { Runtime } from './runtime.ts'

/** A model for the echo engine: how it behaves, see the engine's options. */
export type EchoModel = Readonly<Record<string, unknown>> & {
  readonly engine?: string | null
  readonly signature?: InstalledModel['signature']
  /** Of its package; that of its file when absent. */
  readonly sizeBytes?: number
}

export const node = process.execPath
/** Engines of one test file share compiled code: a start takes 160 ms then instead of 500. */
const compileCache = mkdtempSync(join(tmpdir(), 'soma-compile-cache-'))
after(() => rm(compileCache, { recursive: true, force: true }))

export const echoEngine: EngineEntry = {
  descriptor: echo,
  command: [node, new URL('main.ts', import.meta.resolve('@soma/engine-echo')).pathname],
  env: { NODE_COMPILE_CACHE: compileCache },
}
const GIBIBYTE = 2 ** 30

/** An engine made of a few lines, which may use `serve`, `echo` and `process`. */
export function scriptEngine(id: string, script: string, more: Partial<EngineDescriptor> = {}): EngineEntry {
  const prelude = `
    import { runEngineMain } from ${JSON.stringify(import.meta.resolve('@soma/wire'))}
    import { descriptor } from ${JSON.stringify(import.meta.resolve('@soma/engine-echo'))}
    const echo = { ...descriptor, id: ${JSON.stringify(id)} }
    const serve = (engine) => runEngineMain({ descriptor: echo, probe: () => ({ supported: true, reason: '', devices: ['cpu'] }), estimate: () => ({ residentBytes: 1 }), ...engine })
  `
  return {
    descriptor: { ...echo, id, ...more },
    command: [node, '--input-type=module', '-e', prelude + script],
    env: { NODE_COMPILE_CACHE: compileCache },
  }
}

export interface WorldOptions extends Partial<RuntimeOptions> {
  readonly engines?: readonly EngineEntry[]
  readonly memoryAvailableBytes?: number
  readonly priorities?: RuntimeDeps['priorities']
  readonly accelerators?: HostFacts['accelerators']
  /** Of an earlier world: what it kept is known to this one. */
  readonly kept?: Map<string, unknown>
}

/** A runtime with real engine processes and a registry of echo models. */
export class World implements AsyncDisposable {
  readonly runtime: Runtime
  readonly records: LogRecord[] = []
  readonly events: string[] = []
  /** What the machine has left. */
  memoryAvailableBytes: () => number
  /** Packages that are laid out now. */
  openPackages = 0
  readonly #models = new Map<string, EchoModel>()
  readonly #directory: string

  static async create(models: Readonly<Record<string, EchoModel>>, options: WorldOptions = {}): Promise<World> {
    return new World(models, options, await mkdtemp(join(tmpdir(), 'soma-runtime-')))
  }

  private constructor(models: Readonly<Record<string, EchoModel>>, options: WorldOptions, directory: string) {
    this.#directory = directory
    this.memoryAvailableBytes = () => options.memoryAvailableBytes ?? 4 * GIBIBYTE
    for (const [name, model] of Object.entries(models)) this.#models.set(name, model)
    const log = createLog({ level: 'debug', clock: systemClock, write: (record) => this.records.push(record) })
    const spawner = createChildSpawner({ clock: systemClock, log, env: process.env, directory })
    this.runtime = new Runtime(
      {
        registry: this.#registry(),
        engines: options.engines ?? [echoEngine],
        spawn: (child) => spawner.spawn(child),
        hostFacts: () => ({ ...facts(this.memoryAvailableBytes()), ...(options.accelerators && { accelerators: options.accelerators }) }),
        clock: systemClock,
        rng: createSeededRng(1),
        log,
        ...(options.priorities && { priorities: options.priorities }),
        ...(options.kept && keepIn(options.kept)),
        emit: ({ name, resource }) => this.events.push(`${name} ${resource}`),
      },
      {
        memoryBytesMax: 0,
        memoryReserveBytes: 128 * 2 ** 20,
        residency: 'timeout=3600',
        collateMs: 0,
        queueMax: 256,
        threads: 1,
        loadSecondsMax: 0,
        warmSpares: 0,
        resultCacheBytes: 0,
        ...options,
      },
    )
  }

  /** Another package under the same name. */
  replace(name: string, model: EchoModel): void {
    this.#models.set(name, model)
  }

  model(name: string): InstalledModel {
    return installed(name, this.#models.get(name) ?? {})
  }

  pid(model: string): number | undefined {
    return this.runtime.processes().find((process) => process.model === model)?.pid
  }

  /** Waits until `condition` holds, looking often. */
  async until(condition: () => boolean, what: string): Promise<void> {
    const deadline = performance.now() + 20_000
    while (!condition()) {
      if (performance.now() > deadline) throw new Error(`it did not happen: ${what}`)
      await systemClock.sleep(2)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.runtime.stop()
    await rm(this.#directory, { recursive: true, force: true })
  }

  #registry(): Registry {
    const get = (name: string): InstalledModel => {
      const model = this.#models.get(name)
      if (model) return installed(name, model)
      throw new SomaError('model/not-found', `no model is called "${name}"`, { details: { nearest: [...this.#models.keys()] } })
    }
    return {
      get,
      resolve: (name) => name,
      list: () => [...this.#models.keys()].map((name) => get(name)),
      open: async ({ name }) => await this.#open(name),
    }
  }

  async #open(name: string): Promise<ModelPackage & AsyncDisposable> {
    const { engine: _engine, signature: _signature, sizeBytes, ...echo } = this.#models.get(name) ?? {}
    const files = { 'model.echo': JSON.stringify(echo) }
    const { pkg, ...laidOut } = await layOut({ files, roles: { model: 'model.echo' }, format: 'echo', task: 'tensor-to-tensor' })
    this.openPackages += 1
    return {
      ...pkg,
      ...(sizeBytes !== undefined && { files: pkg.files.map((file) => ({ ...file, sizeBytes })) }),
      name,
      [Symbol.asyncDispose]: async () => {
        this.openPackages -= 1
        await laidOut[Symbol.asyncDispose]()
      },
    }
  }
}

/** Records by their keys, of the one kind that is written so. */
function keepIn(kept: Map<string, unknown>): Required<Pick<RuntimeDeps, 'records' | 'keep'>> {
  return {
    records: { scan: (kind) => (kind === LEARNED_KIND ? [...kept].map(([key, value]) => ({ key, value, digest: '' })) : []) },
    keep: (writes) => {
      for (const write of writes) if (write.action === 'put') kept.set(write.key, structuredClone(write.value))
    },
  }
}

function installed(name: string, model: EchoModel): InstalledModel {
  const digest = `sha256:${Buffer.from(JSON.stringify(model)).toString('hex').padEnd(64, '0')}` as BlobDigest
  return {
    name,
    version: '1.0.0',
    reference: `file/${name}`,
    wanted: `file/${name}`,
    format: 'echo',
    task: 'tensor-to-tensor',
    engine: model.engine === undefined ? 'echo' : model.engine,
    settings: {},
    licence: null,
    files: model.sizeBytes === undefined ? [] : [{ path: 'model.echo', role: 'model', sizeBytes: model.sizeBytes, digest }],
    signature: model.signature ?? null,
    knowledge: null,
    manifest: {} as InstalledModel['manifest'],
    signatureBundle: null,
    pinned: false,
    digest,
    installedAt: 0,
  }
}

function facts(memoryAvailableBytes: number): HostFacts {
  return { platform: process.platform, arch: process.arch, cpus: 2, memoryBytes: 8 * GIBIBYTE, memoryAvailableBytes }
}

export const never: { readonly signal: AbortSignal } = { signal: new AbortController().signal }

export function float32(...values: number[]): Tensor {
  return { name: 'float32', dtype: 'float32', shape: [values.length], data: encodeValues('float32', values) }
}

/** Asks the echo engine to behave so in this one call. */
export function behave(behaviour: Readonly<Record<string, unknown>>): Tensor {
  return { name: 'do', dtype: 'string', shape: [1], data: encodeValues('string', [JSON.stringify(behaviour)]) }
}

/** What a handler sees of its call. */
export function callContext(signal = never.signal): CallContext {
  const effects = { put() {}, delete() {}, emit() {}, require() {}, committed() {}, settled() {} }
  const log = createLog({ level: 'silent', clock: systemClock, write() {} })
  return {
    callId: 'call_0000000000000000' as CallId,
    caller: { principal: OWNER, face: 'internal' },
    signal,
    log,
    allows: () => true,
    effects,
  }
}

/** @returns the error, which must have this code. */
export async function refused(work: Promise<unknown>, code: ErrorCode): Promise<SomaError> {
  let found: unknown
  await assert.rejects(work, (error) => {
    found = error
    return isSomaError(error, code) || assert.fail(`expected ${code}, got ${String(error)}`)
  })
  return found as SomaError
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
