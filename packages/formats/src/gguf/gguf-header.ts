import { Cursor } from '../cursor.ts'
import { quote } from '../invalid-model.ts'
import type { ByteReader } from '../reader.ts'
import { quantisationName } from './file-types.ts'
import { GGUF_ALIGNMENT_MAX, GGUF_ENTRIES_MAX, GGUF_KEY_BYTES_MAX, GGUF_TENSORS_MAX } from './limits.ts'
import { type GgufTensor, type GgufTensorEntry, placeTensors, scanTensorEntry } from './tensor-scan.ts'
import { type GgufValue, GgufValueScan } from './value-scan.ts'

export type GgufMetadata = ReadonlyMap<string, GgufValue>

/** What a GGUF file says of itself, without its weights. Null where it says nothing, or not as the specification wants it. */
export interface GgufHeader {
  readonly version: number
  readonly endianness: 'little' | 'big'
  readonly metadata: GgufMetadata
  readonly tensors: readonly GgufTensor[]
  /** Bytes; every tensor begins at a multiple of it. */
  readonly alignment: number
  /** Elements of all tensors. */
  readonly parameters: number
  /** Bytes of the tensors, by type. */
  readonly typeHistogram: ReadonlyMap<string, number>
  /** `Q4_K_M`, from `general.file_type`. */
  readonly quantisation: string | null
  /** `llama`. */
  readonly architecture: string | null
  readonly name: string | null
  readonly licence: string | null
  /** Tokens. */
  readonly contextLength: number | null
  readonly embeddingLength: number | null
  /** Layers. */
  readonly blockCount: number | null
  /** Of the layer that has most, where layers differ. */
  readonly headCount: number | null
  readonly headCountKv: number | null
  /** Jinja text. */
  readonly chatTemplate: string | null
  /** `gpt2`, `llama`. */
  readonly tokenizerModel: string | null
  /** When the model is spread over several files: which of them this is, from 0. */
  readonly split: { readonly index: number; readonly count: number } | null
}

/** 'GGUF', read as a little-endian number. */
const MAGIC = 0x4655_4747
const VERSION_MAX = 3
const DEFAULT_ALIGNMENT = 32

/**
 * Reads the header of a GGUF file of version 1, 2 or 3, of either endianness, and holds every tensor against the file:
 * aligned, inside, apart from the others. Vocabularies are counted, not loaded.
 * @throws {SomaError} `package/invalid-model` with the offset, also for a tensor type that this reader does not know.
 * @see https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 */
export async function readGgufHeader(reader: ByteReader): Promise<GgufHeader> {
  const cursor = new Cursor(reader)
  const version = await readVersion(cursor)
  const values = new GgufValueScan(cursor, version)
  await cursor.need(2 * values.lengthBytes)
  const tensorCount = values.count(GGUF_TENSORS_MAX, 2 * values.lengthBytes + 8, 'a tensor count')
  const entryCount = values.count(GGUF_ENTRIES_MAX, values.lengthBytes + 5, 'a count of metadata')
  const metadata = await readMetadata(cursor, values, entryCount)
  const entries: GgufTensorEntry[] = []
  for (let index = 0; index < tensorCount; index++) entries.push(await scanTensorEntry(cursor, values))
  const alignment = alignmentOf(cursor, metadata)
  const begin = Math.ceil(cursor.offset / alignment) * alignment
  const tensors = placeTensors(cursor, entries, { begin, alignment, sizeBytes: reader.sizeBytes })
  return {
    version,
    endianness: cursor.littleEndian ? 'little' : 'big',
    metadata,
    tensors,
    alignment,
    ...measure(tensors),
    ...describe(metadata),
  }
}

/** The metadata entry as a count: of tokens, layers, heads. Of a list by layer, the largest. */
export function ggufCount(metadata: GgufMetadata, key: string): number | null {
  const value = metadata.get(key)
  const counts = typeof value === 'object' ? value.values : [value]
  const valid = counts.filter((count): count is number => typeof count === 'number' && Number.isSafeInteger(count) && count >= 0)
  return valid.length === 0 || valid.length < counts.length ? null : Math.max(...valid)
}

async function readVersion(cursor: Cursor): Promise<number> {
  await cursor.need(8)
  const magic = cursor.u32()
  if (magic !== MAGIC) throw cursor.invalid('the letters GGUF', `0x${magic.toString(16)}`, 0)
  let version = cursor.u32()
  // Versions are small: one whose low half is empty was written the other way round.
  if ((version & 0xffff) === 0) {
    cursor.littleEndian = false
    cursor.back(4)
    version = cursor.u32()
  }
  if (version < 1 || version > VERSION_MAX) throw cursor.invalid(`a GGUF version from 1 to ${VERSION_MAX}`, version, 4)
  return version
}

async function readMetadata(cursor: Cursor, values: GgufValueScan, count: number): Promise<Map<string, GgufValue>> {
  const metadata = new Map<string, GgufValue>()
  for (let index = 0; index < count; index++) {
    const at = cursor.offset
    const key = await values.name(GGUF_KEY_BYTES_MAX, 'a metadata key')
    if (metadata.has(key)) throw cursor.invalid('each metadata key once', `a second ${quote(key)}`, at)
    metadata.set(key, await values.value())
  }
  return metadata
}

function alignmentOf(cursor: Cursor, metadata: GgufMetadata): number {
  const alignment = metadata.get('general.alignment') ?? DEFAULT_ALIGNMENT
  const isPowerOfTwo =
    typeof alignment === 'number' && alignment >= 1 && alignment <= GGUF_ALIGNMENT_MAX && Number.isInteger(Math.log2(alignment))
  if (!isPowerOfTwo)
    throw cursor.invalid(
      `general.alignment to be a power of two up to ${GGUF_ALIGNMENT_MAX}`,
      typeof alignment === 'object' ? 'an array' : String(alignment),
    )
  return alignment
}

function measure(tensors: readonly GgufTensor[]): Pick<GgufHeader, 'parameters' | 'typeHistogram'> {
  const typeHistogram = new Map<string, number>()
  let parameters = 0
  for (const { type, elements, begin, end } of tensors) {
    parameters += elements
    typeHistogram.set(type, (typeHistogram.get(type) ?? 0) + end - begin)
  }
  return { parameters, typeHistogram }
}

function describe(
  metadata: GgufMetadata,
): Omit<GgufHeader, 'version' | 'endianness' | 'metadata' | 'tensors' | 'alignment' | 'parameters' | 'typeHistogram'> {
  const architecture = textOf(metadata, 'general.architecture')
  const count = (key: string): number | null => (architecture === null ? null : ggufCount(metadata, `${architecture}.${key}`))
  const fileType = ggufCount(metadata, 'general.file_type')
  const heads = count('attention.head_count')
  return {
    quantisation: fileType === null ? null : quantisationName(fileType),
    architecture,
    name: textOf(metadata, 'general.name'),
    licence: textOf(metadata, 'general.license'),
    contextLength: count('context_length'),
    embeddingLength: count('embedding_length'),
    blockCount: count('block_count'),
    headCount: heads,
    headCountKv: count('attention.head_count_kv') ?? heads,
    chatTemplate: textOf(metadata, 'tokenizer.chat_template'),
    tokenizerModel: textOf(metadata, 'tokenizer.ggml.model'),
    split: splitOf(metadata),
  }
}

function splitOf(metadata: GgufMetadata): GgufHeader['split'] {
  const index = ggufCount(metadata, 'split.no')
  const count = ggufCount(metadata, 'split.count')
  return index !== null && count !== null && count > 1 && index < count ? { index, count } : null
}

function textOf(metadata: GgufMetadata, key: string): string | null {
  const value = metadata.get(key)
  return typeof value === 'string' && value !== '' ? value : null
}
