import type { Cursor } from '../cursor.ts'
import { quote } from '../invalid-model.ts'
import { ggmlType } from './ggml-types.ts'
import { GGUF_RANK_MAX, GGUF_TENSOR_NAME_BYTES_MAX } from './limits.ts'
import type { GgufValueScan } from './value-scan.ts'

export interface GgufTensor {
  readonly name: string
  /** Elements that lie next to each other first, as ggml writes them: the reverse of other formats. */
  readonly shape: readonly number[]
  /** `F16`, `Q4_K`. */
  readonly type: string
  readonly elements: number
  /** From the begin of the file. */
  readonly begin: number
  readonly end: number
}

/** A tensor as its entry says it, before it is held against the file. */
export interface GgufTensorEntry {
  /** Its `begin` and `end` count from the begin of the tensors' data, which is not known yet. */
  readonly tensor: GgufTensor
  /** Where the entry is, for messages. */
  readonly at: number
}

/** Reads one tensor's entry. @throws {SomaError} `package/invalid-model` */
export async function scanTensorEntry(cursor: Cursor, values: GgufValueScan): Promise<GgufTensorEntry> {
  const at = cursor.offset
  const name = await values.name(GGUF_TENSOR_NAME_BYTES_MAX, 'a tensor name')
  await cursor.need(4)
  const rank = cursor.u32()
  if (rank > GGUF_RANK_MAX) throw cursor.invalid(`at most ${GGUF_RANK_MAX} dimensions of the tensor ${quote(name)}`, rank, at)
  await cursor.need(rank * values.lengthBytes + 12)
  const shape = Array.from({ length: rank }, () => values.length(Number.MAX_SAFE_INTEGER, 'a dimension'))
  const number = cursor.u32()
  const type = ggmlType(number)
  if (!type) throw cursor.invalid(`a known type of the tensor ${quote(name)}`, `type ${number}`, at)
  const begin = cursor.u64Number(Number.MAX_SAFE_INTEGER, 'a tensor offset')
  const elements = product(cursor, { name, shape, at })
  const rows = (shape[0] ?? 1) / type.blockElements
  if (!Number.isInteger(rows))
    throw cursor.invalid(`rows of ${quote(name)} in blocks of ${type.blockElements}, for ${type.name}`, shape[0] ?? 1, at)
  const end = begin + (elements / type.blockElements) * type.blockBytes
  return { tensor: { name, shape, type: type.name, elements, begin, end }, at }
}

/** Where a file's tensors must be. */
export interface GgufDataSection {
  readonly begin: number
  readonly alignment: number
  /** Of the whole file. */
  readonly sizeBytes: number
}

/** Holds the entries against the file and each other. @returns the tensors, in the order of their entries. */
export function placeTensors(cursor: Cursor, entries: readonly GgufTensorEntry[], section: GgufDataSection): GgufTensor[] {
  checkNames(cursor, entries)
  const placed = entries.map(({ tensor, at }) => {
    if (tensor.begin % section.alignment !== 0)
      throw cursor.invalid(`an offset of ${quote(tensor.name)} in steps of ${section.alignment}`, tensor.begin, at)
    const [begin, end] = [section.begin + tensor.begin, section.begin + tensor.end]
    if (end > section.sizeBytes)
      throw cursor.invalid(`the tensor ${quote(tensor.name)} inside the file (${section.sizeBytes} bytes)`, `its end at byte ${end}`, at)
    return { tensor: { ...tensor, begin, end }, at }
  })
  checkOverlaps(cursor, placed)
  return placed.map(({ tensor }) => tensor)
}

function product(
  cursor: Cursor,
  { name, shape, at }: { readonly name: string; readonly shape: readonly number[]; readonly at: number },
): number {
  // A zero must not hide that the others are absurd.
  const bound = shape.reduce((elements, size) => elements * Math.max(size, 1), 1)
  if (!Number.isSafeInteger(bound)) throw cursor.invalid(`dimensions of ${quote(name)} that fit any file`, shape.join(' × '), at)
  return shape.includes(0) ? 0 : bound
}

function checkNames(cursor: Cursor, entries: readonly GgufTensorEntry[]): void {
  const seen = new Set<string>()
  for (const { tensor, at } of entries) {
    if (seen.has(tensor.name)) throw cursor.invalid('each tensor once', `a second ${quote(tensor.name)}`, at)
    seen.add(tensor.name)
  }
}

function checkOverlaps(cursor: Cursor, entries: readonly GgufTensorEntry[]): void {
  const inOrder = entries.filter(({ tensor }) => tensor.end > tensor.begin).sort((a, b) => a.tensor.begin - b.tensor.begin)
  for (const [index, { tensor, at }] of inOrder.entries()) {
    const next = inOrder[index + 1]?.tensor
    if (next && next.begin < tensor.end)
      throw cursor.invalid(`tensors side by side`, `${quote(tensor.name)} and ${quote(next.name)} sharing byte ${next.begin}`, at)
  }
}
