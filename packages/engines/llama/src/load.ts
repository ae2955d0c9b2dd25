import type { LlamaModel } from 'node-llama-cpp'
import { type Clock, isSomaError, throwIfAborted } from '@soma/core'
import type { EngineContext, LoadOptions, LoadedModel, ModelPackage } from '@soma/spec'
import { ChatTemplate } from './chat/template.ts'
import { Contexts, openContext } from './context.ts'
import { EmbedModel } from './embed.ts'
import { loadFailed, messageOf } from './errors.ts'
import { type Header, readHeader } from './estimate.ts'
import { ONE_THREAD_BYTES_MAX } from './limits.ts'
import { type Settings, findFile, readLora } from './options.ts'
import type { Owned } from './owned.ts'
import { RerankModel } from './rerank.ts'
import { GenerateModel } from './run.ts'
import type { Runtime } from './runtime.ts'
import { KeptState, modelIdentity } from './state.ts'
import { type CpuTimes, ThreadLimit } from './thread-limit.ts'

export interface LoadDeps {
  readonly runtime: Runtime
  readonly clock: Pick<Clock, 'monotonic'>
  readonly cpuTimes: () => CpuTimes
  /** Resident bytes of this process. */
  readonly residentBytes: () => number
  /** 32 random bits, for requests without a seed. */
  readonly seed: () => number
  /** A name for a request for a function. */
  readonly callId: () => string
}

/** @throws {SomaError} `model/load-failed` with llama.cpp's own words, `model/unsupported`, `engine/missing`, `config/invalid`. */
export async function load(deps: LoadDeps, pkg: ModelPackage, options: LoadOptions, ctx: EngineContext): Promise<LoadedModel> {
  const header = await readHeader(deps.runtime, pkg, options)
  // Without a limit while contexts are made: the library would take it for what they may ever use.
  header.llama.maxThreads = 0
  const opened = new AsyncDisposableStack()
  try {
    const model = opened.use(await openModel(header, findFile(pkg, header.path), ctx.signal))
    const loaded = await openUse(deps, { pkg, options, header, model, opened, signal: ctx.signal })
    throwIfAborted(ctx.signal)
    return loaded
  } catch (error) {
    await opened.disposeAsync()
    throwIfAborted(ctx.signal)
    if (isSomaError(error)) throw error
    const words = deps.runtime.takeLines()
    throw loadFailed(header.path, words === '' ? messageOf(error) : `${messageOf(error)} (${words})`, error)
  }
}

function openModel({ llama, settings, plan }: Header, modelPath: string, loadSignal: AbortSignal): Promise<LlamaModel> {
  return llama.loadModel({ modelPath, gpuLayers: plan.gpuLayers, useMmap: settings.memoryMap, loadSignal, ignoreMemorySafetyChecks: true })
}

interface Opening {
  readonly pkg: ModelPackage
  readonly options: LoadOptions
  readonly header: Header
  readonly model: LlamaModel
  /** Holds what was opened, the last first to go: the loaded model disposes of it. */
  readonly opened: AsyncDisposableStack
  readonly signal: AbortSignal
}

async function openUse(deps: LoadDeps, opening: Opening): Promise<LoadedModel> {
  const { header, model, options, opened, signal } = opening
  const { plan } = header
  const common = { contextSize: plan.contextLength, batchSize: plan.batchSize, threads: threadsFor(header, options), createSignal: signal }
  const { device = 'cpu' } = options
  const owned: Owned = { device, dispose: () => opened.disposeAsync(), usage: usageOf(deps, model, device) }
  if (plan.use === 'embed') return new EmbedModel(opened.use(await model.createEmbeddingContext(common)), plan, owned)
  if (plan.use === 'rerank') return new RerankModel(opened.use(await model.createRankingContext(common)), plan, owned)
  return openGenerate(deps, opening, owned)
}

async function openGenerate(deps: LoadDeps, { pkg, options, header, model, opened, signal }: Opening, owned: Owned): Promise<LoadedModel> {
  const { library, llama, settings, plan, path } = header
  const draft =
    settings.draftModel === undefined ? undefined : opened.use(await openDraft(header, findFile(pkg, settings.draftModel), model, signal))
  const lora = readLora(pkg, settings.lora)
  const parts = { library, model, draft, plan, threads: threadsFor(header, options), lora, speculative: settings.speculative }
  const identity = await modelIdentity([findFile(pkg, path), ...lora.map(({ filePath }) => filePath)], { plan, lora: settings.lora })
  const state = new KeptState(identity)
  const context = await openContext(parts, signal)
  const contexts = opened.use(new Contexts(() => openContext(parts), context))
  const threads = new ThreadLimit(deps, parts.threads, (count) => (llama.maxThreads = count))
  const scrub = options.scrub === true
  if (options.stateDirectory !== undefined && !scrub) await state.restore(context.slots, options.stateDirectory)
  return new GenerateModel(
    { ...deps, threads, library, llama, model, contexts, template: readTemplate(model, settings), state, scrub, plan },
    owned,
  )
}

function threadsFor({ insights }: Header, { threads }: LoadOptions): number {
  return insights.modelSize <= ONE_THREAD_BYTES_MAX ? 1 : threads
}

async function openDraft(header: Header, path: string, model: LlamaModel, signal: AbortSignal): Promise<LlamaModel> {
  const draft = await openModel({ ...header, plan: { ...header.plan, gpuLayers: 0 } }, path, signal)
  const words = ({ fileInfo }: LlamaModel): number | undefined => fileInfo.metadata.tokenizer?.ggml?.tokens?.length
  if (draft.vocabularyType === model.vocabularyType && words(draft) === words(model)) return draft
  await draft.dispose()
  throw loadFailed(path, `it has another vocabulary than the model it should guess for`)
}

function readTemplate(model: LlamaModel, settings: Settings): ChatTemplate | undefined {
  const text = settings.chatTemplate ?? model.fileInfo.metadata.tokenizer?.chat_template
  const { bosString, eosString } = model.tokens
  return text === undefined || text === '' ? undefined : new ChatTemplate(text, { bos: bosString ?? '', eos: eosString ?? '' })
}

function usageOf({ residentBytes }: LoadDeps, model: LlamaModel, device: string): Owned['usage'] {
  return (contextBytes) => {
    const deviceBytes = device === 'cpu' ? 0 : model.memoryUsage.vram + contextBytes
    return { residentBytes: residentBytes(), ...(deviceBytes > 0 && { deviceBytes: { [device]: deviceBytes } }) }
  }
}
