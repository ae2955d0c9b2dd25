import { GGUF_BLOCKS_MAX } from './limits.ts'
import { type GgufHeader, type GgufMetadata, ggufCount } from './gguf-header.ts'

/** What running a model takes, in bytes. */
export interface GgufMemory {
  readonly weightsBytes: number
  /** Keys and values of the whole context. */
  readonly cacheBytes: number
  readonly totalBytes: number
}

/** Keys and values are float16 unless an engine is told otherwise. */
const CACHE_ELEMENT_BYTES = 2

/**
 * Memory to run a model with a context of `contextLength` tokens:
 *
 *     weights = the tensors' bytes
 *     cache   = Σ over layers: contextLength × key-value heads × (key width + value width) × 2 bytes
 *
 * with widths of `embedding length / heads` where the file does not say them. Layers without attention have no heads and
 * count for nothing. It is what a full cache takes: sliding windows keep less, and an engine's scratch space comes on top.
 * @returns null when the file does not say what the cache depends on.
 */
export function ggufMemory(header: GgufHeader, contextLength: number): GgufMemory | null {
  const weightsBytes = header.typeHistogram.values().reduce((sum, bytes) => sum + bytes, 0)
  const widths = tokenWidths(header)
  if (widths === null) return null
  const cacheBytes = contextLength * widths * CACHE_ELEMENT_BYTES
  const totalBytes = weightsBytes + cacheBytes
  return Number.isSafeInteger(totalBytes) ? { weightsBytes, cacheBytes, totalBytes } : null
}

/** Elements that the cache holds for one token, over all layers. */
function tokenWidths({ metadata, architecture, blockCount, embeddingLength }: GgufHeader): number | null {
  if (architecture === null || blockCount === null || blockCount > GGUF_BLOCKS_MAX) return null
  const key = (name: string): string => `${architecture}.attention.${name}`
  const heads = byLayer(metadata, key('head_count'), blockCount)
  const keyValueHeads = byLayer(metadata, key('head_count_kv'), blockCount) ?? heads
  const keyWidth = ggufCount(metadata, key('key_length'))
  const valueWidth = ggufCount(metadata, key('value_length'))
  if (!keyValueHeads) return null
  let sum = 0
  for (const [layer, count] of keyValueHeads.entries()) {
    if (count === 0) continue
    const width = embeddingLength === null || !heads?.[layer] ? null : Math.floor(embeddingLength / heads[layer])
    const both = sumOf(keyWidth ?? width, valueWidth ?? width)
    if (both === null) return null
    sum += count * both
  }
  return sum
}

function sumOf(a: number | null, b: number | null): number | null {
  return a === null || b === null ? null : a + b
}

/** A count that is the same for all layers, or given for each. */
function byLayer(metadata: GgufMetadata, key: string, layers: number): number[] | null {
  const value = metadata.get(key)
  const count = ggufCount(metadata, key)
  if (value === undefined || count === null) return null
  if (typeof value !== 'object') return Array.from({ length: layers }, () => count)
  return value.values.length >= layers ? (value.values.slice(0, layers) as number[]) : null
}
