import type { Rng } from '@soma/core'
import type { GenerateRequest } from '@soma/spec'

/** How a token is chosen among those that a model thinks likely. */
export interface Sampling {
  /** 0 takes the likeliest. */
  readonly temperature: number
  readonly topP: number
  /** 0 takes all. */
  readonly topK: number
  readonly minP: number
  readonly presencePenalty: number
  readonly frequencyPenalty: number
}

/** What the request says, and where it is silent what the model's own generation configuration does. */
export function samplingOf(request: GenerateRequest, own: Readonly<Record<string, unknown>>): Sampling {
  const ownNumber = (name: string, otherwise: number): number => {
    const value = own['do_sample'] === true ? own[name] : undefined
    return typeof value === 'number' ? value : otherwise
  }
  return {
    temperature: request.temperature ?? ownNumber('temperature', own['do_sample'] === true ? 1 : 0),
    topP: request.topP ?? ownNumber('top_p', 1),
    topK: request.topK ?? ownNumber('top_k', 0),
    minP: request.minP ?? ownNumber('min_p', 0),
    presencePenalty: request.presencePenalty ?? 0,
    frequencyPenalty: request.frequencyPenalty ?? 0,
  }
}

/** Whether the likeliest token is always taken, just as the model says it. */
export function isGreedy({ temperature, presencePenalty, frequencyPenalty }: Sampling): boolean {
  return temperature === 0 && presencePenalty === 0 && frequencyPenalty === 0
}

/**
 * Chooses a token.
 * @param counts how often each token is in the answer already.
 */
export function sample(logits: ArrayLike<number>, sampling: Sampling, counts: ReadonlyMap<number, number>, rng: Rng): number {
  const penalised = Float64Array.from(logits)
  for (const [id, count] of counts) penalised[id] = (penalised[id] ?? 0) - sampling.presencePenalty - sampling.frequencyPenalty * count
  if (sampling.temperature === 0) return likeliest(penalised)
  return draw(shares(penalised, sampling), rng)
}

interface Share {
  readonly id: number
  readonly share: number
}

/** Likeliest first, those left out that are too unlikely: `topK`, then `minP`, then `topP`, as llama.cpp and vLLM do it. */
function shares(logits: Float64Array, { temperature, topK, topP, minP }: Sampling): Share[] {
  const highest = logits[likeliest(logits)] ?? 0
  const all = Array.from(logits, (logit, id) => ({ id, share: Math.exp((logit - highest) / temperature) }))
  const ordered = all.filter(({ share }) => share > 0 && share >= minP).sort((a, b) => b.share - a.share || a.id - b.id)
  const best = topK > 0 ? ordered.slice(0, topK) : ordered
  const limit = topP * best.reduce((sum, { share }) => sum + share, 0)
  let sum = 0
  const end = best.findIndex(({ share }) => (sum += share) >= limit)
  return end < 0 ? best : best.slice(0, end + 1)
}

function draw(shares: readonly Share[], rng: Rng): number {
  let left = rng.float() * shares.reduce((sum, { share }) => sum + share, 0)
  for (const { id, share } of shares) {
    left -= share
    if (left < 0) return id
  }
  return shares.at(-1)?.id ?? 0
}

function likeliest(logits: Float64Array): number {
  let best = 0
  for (let id = 1; id < logits.length; id++) if ((logits[id] ?? 0) > (logits[best] ?? 0)) best = id
  return best
}
