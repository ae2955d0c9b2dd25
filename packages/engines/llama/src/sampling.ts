import type { GgufFileInfo, SequenceEvaluateOptions, Token } from 'node-llama-cpp'
import type { GenerateRequest } from '@soma/spec'
import { PENALTY_TOKENS } from './limits.ts'

/** How tokens are chosen where a request does not say it. */
export interface SamplingDefaults {
  readonly temperature: number
  readonly topK: number
  readonly topP: number
  readonly minP: number
}

/** llama.cpp's own, for models that say nothing. */
const usual: SamplingDefaults = { temperature: 0.8, topK: 40, topP: 0.95, minP: 0.05 }

/** What a model's makers wrote into its header. */
export function samplingDefaults({ metadata }: GgufFileInfo): SamplingDefaults {
  const general = metadata.general as unknown as { readonly sampling?: Readonly<Record<string, unknown>> }
  const read = (name: string, otherwise: number): number => {
    const value = general.sampling?.[name]
    return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : otherwise
  }
  return {
    temperature: read('temp', usual.temperature),
    topK: read('top_k', usual.topK),
    topP: read('top_p', usual.topP),
    minP: read('min_p', usual.minP),
  }
}

export interface SamplingContext {
  readonly defaults: SamplingDefaults
  /** For requests without a seed. */
  readonly seed: () => number
  /** The last tokens of prompt and answer so far, at least `count` where there are so many. */
  readonly last: (count: number) => readonly number[]
}

/** A request's wishes in the library's words. Penalties look back at the last tokens, those of the prompt included. */
export function samplingOptions(request: GenerateRequest, { defaults, seed, last }: SamplingContext): SequenceEvaluateOptions {
  const { temperature = defaults.temperature, topK = defaults.topK, topP = defaults.topP, minP = defaults.minP } = request
  const { repeatPenalty, presencePenalty, frequencyPenalty } = request
  const penalises = repeatPenalty !== undefined || presencePenalty !== undefined || frequencyPenalty !== undefined
  return {
    temperature,
    topK,
    topP,
    minP,
    seed: request.seed ?? seed(),
    ...(penalises && {
      repeatPenalty: {
        punishTokens: () => last(PENALTY_TOKENS).slice(-PENALTY_TOKENS) as Token[],
        maxPunishTokens: PENALTY_TOKENS,
        penalty: repeatPenalty ?? 1,
        presencePenalty: presencePenalty ?? 0,
        frequencyPenalty: frequencyPenalty ?? 0,
      },
    }),
  }
}
