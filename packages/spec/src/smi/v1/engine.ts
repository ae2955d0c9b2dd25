import type { Log } from '@soma/core'
import type { Tensor } from '../../tensor/tensor.ts'
import type { EngineDescriptor } from './descriptor.ts'
import type { Check } from './check.ts'
import type { ConvertEvent, ConvertResult } from './convert.ts'
import type { EmbedRequest, EmbedResponse, RerankRequest, RerankResponse } from './embed.ts'
import type { GenerateEvent, GenerateRequest, GenerateResult } from './generate.ts'
import type { HostFacts } from './host-facts.ts'
import type { ModelPackage, Signature } from './model.ts'
import type {
  SynthesizeEvent,
  SynthesizeRequest,
  SynthesizeResult,
  TranscribeEvent,
  TranscribeRequest,
  TranscribeResult,
} from './speech.ts'

/** Whether an engine can run here, and on which devices, best first. */
export interface EngineSupport {
  readonly supported: boolean
  /** Why not, and what to install; empty when supported. */
  readonly reason: string
  /** `cpu`, and ids of accelerators. */
  readonly devices: readonly string[]
  /** What `soma engine doctor` shows. */
  readonly checks?: readonly Check[] | undefined
}

export interface LoadOptions {
  /** CPU threads; the host decides, engines never count cores themselves. */
  readonly threads: number
  /** Where to run it: `cpu`, or an accelerator's id; the engine's own choice when absent. */
  readonly device?: string | undefined
  /** A folder that an earlier `unload` wrote its state to; what does not fit the model is ignored. */
  readonly stateDirectory?: string | undefined
  /**
   * Overwrite prompts, answers and their caches in memory after use. The bytes of requests and of answers are zeroed for the engine
   * once the answer is written, so that an answer's bytes must be nobody else's; the engine sees to what it alone holds.
   */
  readonly scrub?: boolean | undefined
  /** The engine's own options, checked by the engine's `options.ts`. */
  readonly settings: Readonly<Record<string, unknown>>
}

/** What loading will take, known before anything is loaded. */
export interface MemoryEstimate {
  /** Of the machine's memory. */
  readonly residentBytes: number
  /** Of each accelerator's own memory, by its id. */
  readonly deviceBytes?: Readonly<Record<string, number>> | undefined
  /** Settings with which it would take less, best first: what to offer when it does not fit. */
  readonly smaller?: ReadonlyArray<{ readonly settings: Readonly<Record<string, unknown>>; readonly residentBytes: number }> | undefined
}

export interface MemoryUsage {
  readonly residentBytes: number
  readonly deviceBytes?: Readonly<Record<string, number>> | undefined
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
  /**
   * Writes the model in another format into an empty folder.
   * @throws {SomaError} `model/unsupported` naming the formats it can write.
   */
  convert?(
    request: {
      readonly package: ModelPackage
      readonly to: string
      readonly directory: string
      readonly settings: Readonly<Record<string, unknown>>
    },
    ctx: EngineContext,
  ): AsyncGenerator<ConvertEvent, ConvertResult, void>
}

/** A model in memory. Disposing it gives the memory back. Its methods are the ones it has; the others are absent. */
export interface LoadedModel extends AsyncDisposable {
  readonly signature: Signature
  /** Calls that may run at once with profit; the host sends no more. 1 when absent. */
  readonly concurrency?: number | undefined
  /** Tokens of prompt and answer together, of models that have such a limit. */
  readonly contextLength?: number | undefined
  /** Where it runs; `cpu` when absent. */
  readonly device?: string | undefined
  /** @throws {SomaError} `model/input-mismatch`, `model/unreadable-input`. */
  infer?(request: InferRequest, ctx: EngineContext): Promise<InferResponse>
  /** @throws {SomaError} `model/context-overflow`, `model/unsupported` naming the option. */
  generate?(request: GenerateRequest, ctx: EngineContext): AsyncGenerator<GenerateEvent, GenerateResult, void>
  embed?(request: EmbedRequest, ctx: EngineContext): Promise<EmbedResponse>
  rerank?(request: RerankRequest, ctx: EngineContext): Promise<RerankResponse>
  transcribe?(request: TranscribeRequest, ctx: EngineContext): AsyncGenerator<TranscribeEvent, TranscribeResult, void>
  synthesize?(request: SynthesizeRequest, ctx: EngineContext): AsyncGenerator<SynthesizeEvent, SynthesizeResult, void>
  /** Writes what a later load of the same model can go on from (prompt caches) into a folder. */
  saveState?(directory: string): Promise<void>
  usage(): MemoryUsage
}
