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
  const penalised = new Float64Array(logits)
  for (const [id, count] of counts) penalised[id] = (penalised[id] ?? 0) - sampling.presencePenalty - sampling.frequencyPenalty * count
  if (sampling.temperature === 0) return likeliest(penalised)
  return draw(choiceOf(penalised, sampling), rng)
}

/** Shares below this part of the likeliest one's have no bearing on what is drawn. */
const SHARE_MIN = 1e-12

/** What is left to draw from, by its number, and how likely each is. */
interface Choice {
  readonly ids: readonly number[]
  readonly shares: Float64Array
}

/** Leaves out what is too unlikely: `topK`, then `minP`, then `topP`, as llama.cpp does it. */
function choiceOf(logits: Float64Array, { temperature, topK, topP, minP }: Sampling): Choice {
  const highest = logits[likeliest(logits)] ?? 0
  const shares = logits.map((logit) => Math.exp((logit - highest) / temperature))
  if (topK === 0 && topP === 1) return { ids: atLeast(shares, Math.max(minP, SHARE_MIN)), shares }
  const best = mostOf(shares, topK, topP).slice(0, topK > 0 ? topK : undefined)
  const likely = best.filter((id) => (shares[id] ?? 0) >= minP)
  return { ids: until(shares, likely, topP * sumOf(shares, likely)), shares }
}

/** At least the `topK` likeliest, or `topP` of all, likeliest first. Vocabularies are large: only these few are sorted. */
function mostOf(shares: Float64Array, topK: number, topP: number): number[] {
  const wanted = topP * shares.reduce((sum, share) => sum + share, 0)
  let ids: number[] = []
  for (let floor = 0.1; floor > SHARE_MIN; floor /= 10) {
    ids = atLeast(shares, floor)
    if ((topK > 0 && ids.length >= topK) || (topP < 1 && sumOf(shares, ids) >= wanted)) break
  }
  return ids.sort((a, b) => (shares[b] ?? 0) - (shares[a] ?? 0) || a - b)
}

function atLeast(shares: Float64Array, floor: number): number[] {
  const ids: number[] = []
  for (let id = 0; id < shares.length; id++) if ((shares[id] ?? 0) >= floor) ids.push(id)
  return ids
}

function until(shares: Float64Array, ids: readonly number[], limit: number): readonly number[] {
  let sum = 0
  const end = ids.findIndex((id) => (sum += shares[id] ?? 0) >= limit)
  return end < 0 ? ids : ids.slice(0, end + 1)
}

function sumOf(shares: Float64Array, ids: readonly number[]): number {
  return ids.reduce((sum, id) => sum + (shares[id] ?? 0), 0)
}

function draw({ ids, shares }: Choice, rng: Rng): number {
  let left = rng.float() * sumOf(shares, ids)
  for (const id of ids) {
    left -= shares[id] ?? 0
    if (left < 0) return id
  }
  return ids.at(-1) ?? 0
}

function likeliest(logits: Float64Array): number {
  let best = 0
  for (let id = 1; id < logits.length; id++) if ((logits[id] ?? 0) > (logits[best] ?? 0)) best = id
  return best
}
