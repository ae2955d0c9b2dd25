import type { GgmlType, GgufFileInfo, GgufInsights, GgufInsightsResourceRequirements } from 'node-llama-cpp'
import type { ModelPackage } from '@soma/spec'
import { unsupported } from './errors.ts'
import {
  ASKED_CELLS_MAX,
  CACHE_BYTES_DEFAULT,
  CELL_BYTES,
  CONTEXT_LENGTH_DEFAULT,
  CONTEXT_LENGTH_MIN,
  EMBED_CONTEXT_LENGTH_DEFAULT,
  SEQUENCES_DEFAULT,
  SMALLER_MAX,
} from './limits.ts'
import type { Settings } from './options.ts'
import type { Gpu, Library } from './runtime.ts'

export type Use = NonNullable<Settings['use']>

/** What a load comes to, decided from the file's header and the settings alone: an estimate and the load after it agree. */
export interface Plan {
  readonly use: Use
  readonly contextLength: number
  readonly sequences: number
  readonly batchSize: number
  readonly gpuLayers: number
  readonly kvType: GgmlType
  readonly flashAttention: boolean | 'auto'
}

export interface PlanInput {
  readonly insights: GgufInsights
  readonly settings: Settings
  readonly gpu: Gpu
}

/** @throws {SomaError} `model/unsupported` naming a setting that this model or use has no place for. */
export function planLoad(library: Library, pkg: ModelPackage, input: PlanInput): Plan {
  const { insights, settings, gpu } = input
  const use = settings.use ?? useOf(insights.ggufFileInfo, pkg.task)
  if (use !== 'generate') refuseForTexts(use, settings)
  const trained = trainedLength(insights)
  const contextLength =
    settings.contextLength ?? Math.min(trained, use === 'generate' ? CONTEXT_LENGTH_DEFAULT : EMBED_CONTEXT_LENGTH_DEFAULT)
  const plan: Plan = {
    use,
    contextLength,
    sequences: 1,
    // Encoders see a whole text at once or not at all.
    batchSize: use === 'generate' ? Math.min(settings.batchSize, contextLength) : contextLength,
    gpuLayers: gpu === false ? 0 : Math.min(settings.gpuLayers ?? insights.totalLayers, insights.totalLayers),
    kvType: library.GgmlType[settings.kvCacheType.toUpperCase() as keyof typeof GgmlType],
    flashAttention: settings.flashAttention ?? 'auto',
  }
  return use === 'generate' ? { ...plan, sequences: settings.sequences ?? defaultSequences(insights, plan) } : plan
}

/** Tokens of context that the model was made for. */
export function trainedLength({ trainContextSize = CONTEXT_LENGTH_DEFAULT }: GgufInsights): number {
  return trainContextSize
}

/** As many as their caches stay small beside the weights; by a formula, because asking llama.cpp costs as much as loading a vocabulary. */
function defaultSequences(insights: GgufInsights, plan: Plan): number {
  const bytesMax = Math.max(CACHE_BYTES_DEFAULT, insights.modelSize / 2)
  const cacheBytes = (sequences: number): number => {
    const { cpuRam, gpuVram } = contextFormula(insights, { ...plan, sequences }, { includeGraphOverhead: false })
    return cpuRam + gpuVram
  }
  let sequences = SEQUENCES_DEFAULT
  while (sequences > 1 && cacheBytes(sequences) > bytesMax) sequences /= 2
  return sequences
}

/** What llama.cpp will allocate; of a context so large that even its answer would take gigabytes, at least that much. */
export async function contextBytes(insights: GgufInsights, plan: Plan): Promise<GgufInsightsResourceRequirements> {
  const cells = plan.contextLength * plan.sequences
  if (cells > ASKED_CELLS_MAX) {
    const { cpuRam, gpuVram } = contextFormula(insights, plan, { includeGraphOverhead: true })
    return { cpuRam: cpuRam + cells * CELL_BYTES, gpuVram }
  }
  return await insights.estimateContextResourceRequirementsV2({
    contextSize: plan.contextLength,
    modelGpuLayers: plan.gpuLayers,
    batchSize: plan.batchSize,
    sequences: plan.sequences,
    isEmbeddingContext: plan.use !== 'generate',
    flashAttention: plan.flashAttention,
    kvCacheKeyType: plan.kvType,
    kvCacheValueType: plan.kvType,
  })
}

function contextFormula(
  insights: GgufInsights,
  plan: Plan,
  { includeGraphOverhead }: { readonly includeGraphOverhead: boolean },
): GgufInsightsResourceRequirements {
  return insights.estimateContextResourceRequirements({
    contextSize: plan.contextLength,
    modelGpuLayers: plan.gpuLayers,
    batchSize: plan.batchSize,
    sequences: plan.sequences,
    includeGraphOverhead,
    kvCacheKeyType: plan.kvType,
    kvCacheValueType: plan.kvType,
  })
}

/**
 * Plans that take less, each by one step from the one before: the context that the model was trained for, a shorter one down to the
 * least, then fewer sequences.
 */
export function smallerPlans(plan: Plan, trained: number): Plan[] {
  const plans: Plan[] = []
  let last = plan
  while (last.contextLength > CONTEXT_LENGTH_MIN || last.sequences > 1) {
    const contextLength = Math.max(CONTEXT_LENGTH_MIN, last.contextLength > trained ? trained : Math.floor(last.contextLength / 2))
    last =
      last.contextLength > CONTEXT_LENGTH_MIN
        ? { ...last, contextLength, batchSize: Math.min(last.batchSize, contextLength) }
        : { ...last, sequences: 1 }
    plans.push(last)
  }
  // Each costs asking llama.cpp: the next ones, and the least of all.
  return plans.length > SMALLER_MAX ? [...plans.slice(0, SMALLER_MAX - 1), last] : plans
}

const POOLING_RANK = 4
const ENCODERS = /bert|^t5encoder$|embed/

/** What the header says decides, for there is nothing else that such a model could do; then what the package was installed as. */
function useOf({ metadata }: GgufFileInfo, task: string): Use {
  const { architecture } = metadata.general
  const own = (metadata as unknown as Readonly<Record<string, { readonly pooling_type?: number } | undefined>>)[architecture]
  if (own?.pooling_type === POOLING_RANK) return 'rerank'
  if (ENCODERS.test(architecture) || (own?.pooling_type ?? 0) > 0) return task === 'text-ranking' ? 'rerank' : 'embed'
  if (task === 'text-ranking') return 'rerank'
  return task === 'feature-extraction' || task === 'sentence-similarity' ? 'embed' : 'generate'
}

function refuseForTexts(use: Use, { sequences, lora, speculative, chatTemplate, kvCacheType }: Settings): void {
  const given = {
    sequences: sequences !== undefined,
    lora: lora.length > 0,
    speculative: speculative !== 'off',
    chatTemplate: chatTemplate !== undefined,
    kvCacheType: kvCacheType !== 'f16',
  }
  const [name] = Object.entries(given).find(([, isGiven]) => isGiven) ?? []
  if (name !== undefined) throw unsupported(`setting ${name}`, `has no meaning for a model that is loaded to ${use} texts`)
}
