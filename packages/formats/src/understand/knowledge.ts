import type { Knowledge } from '@soma/spec'
import { type Documents, findLicence, tasksOf } from './documents.ts'
import { CONTEXT_LENGTHS, WARNINGS_MAX, WARNING_LENGTH_MAX, WEIGHTS_OVERHEAD } from './limits.ts'
import type { FileFacts, Recognition, UnderstandOptions } from './types.ts'

/** What knowledge is made of. */
export interface Sources {
  readonly recognition: Recognition
  /** Of the file with the role `model`, or of the first with a role. */
  readonly main: FileFacts | undefined
  /** Of every file that the model cannot be without. */
  readonly parts: readonly FileFacts[]
  readonly documents: Documents
  readonly diskBytes: number
  /** Of the files that the model cannot be without. */
  readonly coreBytes: number
  readonly warnings: readonly string[]
}

/** Puts together what the files say; where two say the same thing, the weights come first, then configurations, then the card. */
export function makeKnowledge(sources: Sources, stated: UnderstandOptions['stated'] = {}): Knowledge {
  const { recognition, main, parts, documents } = sources
  const { config, card, tokenizer, tokenizerKind, pipeline } = documents
  const bytesByType = merge(parts)
  const contextLength = main?.contextLength ?? config?.contextLength ?? null
  const framework = main?.framework ?? card?.library ?? stated.framework ?? null
  return {
    format: recognition.format.slice(0, 64),
    framework: cut(framework, 64),
    architecture: cut(main?.architecture ?? pipeline ?? config?.modelType ?? config?.classes[0] ?? null, 256),
    parameters: sumOf(parts),
    dtypes: [...bytesByType.keys()].map((name) => name.slice(0, 32)).slice(0, 64),
    quantisation: cut(main?.quantisation ?? config?.quantisation ?? null, 64),
    contextLength,
    opsets: main?.opsets ? { ...main.opsets } : null,
    tokenizer: cut(main?.tokenizer ?? tokenizer?.className ?? tokenizerKind, 128),
    chatTemplate: main?.chatTemplate ?? documents.chatTemplate ?? tokenizer?.chatTemplate ?? null,
    tasks: tasksOf(documents, main?.task, stated.task).slice(0, 64),
    licence: cut(findLicence(documents, main?.licence, stated.licence), 1024),
    summary: cut(card?.summary ?? null, 4096),
    languages: (card?.languages ?? []).map((language) => language.slice(0, 64)),
    requirements: { diskBytes: sources.diskBytes, memory: memoryOf(sources, bytesByType, contextLength) },
    warnings: sources.warnings.slice(0, WARNINGS_MAX).map((warning) => warning.slice(0, WARNING_LENGTH_MAX)),
  }
}

/** Bytes by element type, most first. */
function merge(parts: readonly FileFacts[]): ReadonlyMap<string, number> {
  const sum = new Map<string, number>()
  for (const { bytesByType } of parts) for (const [type, bytes] of bytesByType) sum.set(type, (sum.get(type) ?? 0) + bytes)
  return new Map([...sum].sort(([, a], [, b]) => b - a))
}

/** Null unless every part with weights says how many it has. */
function sumOf(parts: readonly FileFacts[]): number | null {
  const counts = parts.map(({ parameters }) => parameters)
  if (counts.length === 0 || counts.includes(null)) return null
  const sum = counts.reduce<number>((total, count) => total + (count ?? 0), 0)
  return Number.isSafeInteger(sum) ? sum : null
}

/**
 * Weights × 1.1, and what the context adds at some lengths: `weights × 1.1 + cache(length)`. One entry without a length where the model
 * keeps nothing of its context, or it cannot be computed what.
 */
function memoryOf(
  { main, documents, coreBytes }: Sources,
  bytesByType: ReadonlyMap<string, number>,
  contextLength: number | null,
): Knowledge['requirements']['memory'] {
  const counted = bytesByType.values().reduce((sum, bytes) => sum + bytes, 0)
  const weights = Math.ceil((counted > 0 ? counted : coreBytes) * WEIGHTS_OVERHEAD)
  const perToken = documents.config?.cacheBytesPerToken ?? null
  const cacheOf = main?.cacheBytes ?? ((length: number) => (perToken === null ? null : perToken * length))
  const lengths = contextLength === null ? [] : [...CONTEXT_LENGTHS.filter((length) => length < contextLength), contextLength]
  const entries = lengths.flatMap((length) => {
    const cache = cacheOf(length)
    const bytes = weights + (cache ?? 0)
    return cache === null || !Number.isSafeInteger(bytes) ? [] : [{ contextLength: length, bytes }]
  })
  return entries.length > 0 ? entries : [{ contextLength: null, bytes: Math.min(weights, Number.MAX_SAFE_INTEGER) }]
}

function cut(text: string | null, length: number): string | null {
  return text === null ? null : text.slice(0, length)
}
