import { Cursor } from '../cursor.ts'
import { quote } from '../invalid-model.ts'
import { JsonScanner } from '../json/json-scanner.ts'
import type { ByteReader } from '../reader.ts'
import { safetensorsBits } from './dtypes.ts'
import { SAFETENSORS_ENTRIES_MAX, SAFETENSORS_HEADER_BYTES_MAX, SAFETENSORS_RANK_MAX, SAFETENSORS_TENSORS_MAX } from './limits.ts'

export interface SafetensorsTensor {
  readonly name: string
  /** `F16`, `BF16`, `I8`. */
  readonly dtype: string
  readonly shape: readonly number[]
  readonly elements: number
  /** From the begin of the file. */
  readonly begin: number
  readonly end: number
}

/** What a safetensors file says of itself, without its weights. */
export interface SafetensorsHeader {
  /** In the order of their bytes. */
  readonly tensors: readonly SafetensorsTensor[]
  /** `__metadata__`. */
  readonly metadata: ReadonlyMap<string, string>
  /** Elements of all tensors, as they are stored: eight packed 4-bit weights in an `I32` count as one. */
  readonly parameters: number
  /** Bytes of the tensors, by dtype. */
  readonly typeHistogram: ReadonlyMap<string, number>
}

/** The length of the header, before it. */
const LENGTH_BYTES = 8

/**
 * Reads the header of a safetensors file, and holds it against the file as strictly as the reference implementation:
 * the tensors lie side by side, without gaps, from the header to the file's end. Stricter only for keys that come twice.
 * @throws {SomaError} `package/invalid-model` with the offset.
 * @see https://huggingface.co/docs/safetensors
 */
export async function readSafetensorsHeader(reader: ByteReader): Promise<SafetensorsHeader> {
  const cursor = new Cursor(reader)
  await cursor.need(LENGTH_BYTES)
  const headerBytes = cursor.u64Number(SAFETENSORS_HEADER_BYTES_MAX, 'a header length')
  await cursor.need(headerBytes)
  const json = new JsonScanner(cursor.bytes(headerBytes), { name: reader.name, offset: LENGTH_BYTES })
  const { entries, metadata } = scanHeader(json)
  const tensors = placeTensors(json, entries, { begin: LENGTH_BYTES + headerBytes, end: reader.sizeBytes })
  return { tensors, metadata, ...measure(tensors) }
}

interface Entry {
  readonly tensor: SafetensorsTensor
  /** Where it is said, for messages. */
  readonly at: number
}

function scanHeader(json: JsonScanner): { readonly entries: Entry[]; readonly metadata: Map<string, string> } {
  const entries: Entry[] = []
  const metadata = new Map<string, string>()
  json.object((name, at) => {
    if (name === '__metadata__') scanMetadata(json, metadata)
    else if (entries.push({ tensor: scanTensor(json, name, at), at }) > SAFETENSORS_TENSORS_MAX)
      throw json.invalid(`at most ${SAFETENSORS_TENSORS_MAX} tensors`, 'more', at)
  })
  json.end()
  return { entries, metadata }
}

function scanMetadata(json: JsonScanner, metadata: Map<string, string>): void {
  json.object((key, at) => {
    if (metadata.set(key, json.string()).size > SAFETENSORS_ENTRIES_MAX)
      throw json.invalid(`at most ${SAFETENSORS_ENTRIES_MAX} entries of __metadata__`, 'more', at)
  })
}

function scanTensor(json: JsonScanner, name: string, at: number): SafetensorsTensor {
  let dtype: string | undefined
  let shape: number[] | undefined
  let range: number[] | undefined
  json.object((key) => {
    if (key === 'dtype') dtype = json.string()
    else if (key === 'shape') shape = scanCounts(json, SAFETENSORS_RANK_MAX)
    else if (key === 'data_offsets') range = scanCounts(json, 2)
    else json.skip()
  })
  const [begin, end] = range ?? []
  if (dtype === undefined || shape === undefined || begin === undefined || end === undefined)
    throw json.invalid(`dtype, shape and two data_offsets of the tensor ${quote(name)}`, 'not all of them', at)
  const elements = checkSize(json, { name, dtype, shape, sizeBytes: end - begin }, at)
  return { name, dtype, shape, elements, begin, end }
}

function scanCounts(json: JsonScanner, max: number): number[] {
  const counts: number[] = []
  json.array(() => {
    if (counts.push(json.count()) > max) throw json.invalid(`at most ${max} numbers`, 'more')
  })
  return counts
}

interface Size {
  readonly name: string
  readonly dtype: string
  readonly shape: readonly number[]
  readonly sizeBytes: number
}

/** @returns the elements, when they take the bytes that they are said to. */
function checkSize(json: JsonScanner, { name, dtype, shape, sizeBytes }: Size, at: number): number {
  const bits = safetensorsBits(dtype)
  if (bits === undefined) throw json.invalid(`a known dtype of the tensor ${quote(name)}`, quote(dtype), at)
  // A zero must not hide that the others are absurd.
  const bound = shape.reduce((elements, size) => elements * Math.max(size, 1), bits)
  if (!Number.isSafeInteger(bound)) throw json.invalid(`a shape of ${quote(name)} that fits any file`, shape.join(' × '), at)
  const elements = shape.includes(0) ? 0 : bound / bits
  if (elements * bits !== sizeBytes * 8)
    throw json.invalid(`${(elements * bits) / 8} bytes of the tensor ${quote(name)}, by its shape and dtype`, sizeBytes, at)
  return elements
}

/** Holds the tensors against each other and the file. @param data the bytes of the file that are theirs. */
function placeTensors(json: JsonScanner, entries: Entry[], data: { readonly begin: number; readonly end: number }): SafetensorsTensor[] {
  // Tensors without bytes come first where they are, so that they lie between their neighbours.
  entries.sort((a, b) => a.tensor.begin - b.tensor.begin || a.tensor.end - b.tensor.end)
  let next = 0
  for (const { tensor, at } of entries) {
    if (tensor.begin !== next) throw json.invalid(`the tensor ${quote(tensor.name)} to begin where another ends, ${next}`, tensor.begin, at)
    next = tensor.end
  }
  const room = data.end - data.begin
  if (next !== room) throw json.invalid(`${next} bytes of tensors up to the file's end`, room, data.begin)
  return entries.map(({ tensor }) => ({ ...tensor, begin: data.begin + tensor.begin, end: data.begin + tensor.end }))
}

function measure(tensors: readonly SafetensorsTensor[]): Pick<SafetensorsHeader, 'parameters' | 'typeHistogram'> {
  const typeHistogram = new Map<string, number>()
  let parameters = 0
  for (const { dtype, elements, begin, end } of tensors) {
    parameters += elements
    typeHistogram.set(dtype, (typeHistogram.get(dtype) ?? 0) + end - begin)
  }
  return { parameters, typeHistogram }
}
