import type { Log } from '@soma/core'
import type { Tensor } from '../../tensor/tensor.ts'
import type { EngineDescriptor } from './descriptor.ts'
import type { GenerateEvent, GenerateRequest } from './generate.ts'
import type { ModelPackage, Signature } from './model.ts'

/** What the machine offers an engine. */
export interface HostFacts {
  readonly platform: string
  readonly arch: string
  /** CPUs this process may really use: affinity and cgroup quota, not what the board has. */
  readonly cpus: number
  readonly memoryBytes: number
  readonly memoryAvailableBytes: number
}

/** Whether an engine can run here, and on which devices, best first. */
export interface EngineSupport {
  readonly supported: boolean
  /** Why not, and what to install; empty when supported. */
  readonly reason: string
  readonly devices: readonly string[]
}

export interface LoadOptions {
  /** CPU threads; the host decides, engines never count cores themselves. */
  readonly threads: number
  /** The engine's own options, checked by the engine's `options.ts`. */
  readonly settings: Readonly<Record<string, unknown>>
}

/** What loading will take, known before anything is loaded. */
export interface MemoryEstimate {
  readonly residentBytes: number
}

export interface MemoryUsage {
  readonly residentBytes: number
}

export interface EngineContext {
  readonly signal: AbortSignal
  readonly log: Log
}

export interface InferRequest {
  readonly inputs: readonly Tensor[]
  /** Names of the wanted outputs; all when absent. */
  readonly outputs?: readonly string[] | undefined
}

export interface InferResponse {
  readonly outputs: readonly Tensor[]
}

/**
 * The Standard Model Interface, version 1, as TypeScript sees it: a plugin that runs models of some formats, in a
 * process of its own. It knows nothing of packages' origin, of HTTP, or of other engines.
 */
export interface Engine {
  readonly descriptor: EngineDescriptor
  probe(host: HostFacts): EngineSupport | Promise<EngineSupport>
  estimate(pkg: ModelPackage, options: LoadOptions): MemoryEstimate | Promise<MemoryEstimate>
  /** @throws {SomaError} `model/load-failed` when the files cannot be loaded. */
  load(pkg: ModelPackage, options: LoadOptions, ctx: EngineContext): Promise<LoadedModel>
}

/** A model in memory. Disposing it gives the memory back. */
export interface LoadedModel extends AsyncDisposable {
  readonly signature: Signature
  /** @throws {SomaError} `model/input-mismatch`, `model/unreadable-input`. */
  infer?(request: InferRequest, ctx: EngineContext): Promise<InferResponse>
  generate?(request: GenerateRequest, ctx: EngineContext): AsyncIterable<GenerateEvent>
  usage(): MemoryUsage
}
