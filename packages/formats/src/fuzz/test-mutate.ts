import { type Rng, randomInteger } from '@soma/core'

/** Largest case: readers are to be shown nonsense, not to be kept busy with much of it. */
const CASE_BYTES_MAX = 64 * 1024
/** Changes made to one case: mostly one, so that what is behind it is still right. */
const CHANGES = [1, 1, 1, 1, 2, 2, 3, 4]

/** A valid file, and where in it a change is most likely to matter. */
export interface Seed {
  readonly bytes: Uint8Array
  /** Offsets of little-endian integers that could be lengths, counts or offsets: not zero, and not beyond the file. */
  readonly integers: ReadonlyArray<{ readonly offset: number; readonly bytes: 4 | 8 }>
  /** Runs of decimal digits. */
  readonly decimals: ReadonlyArray<{ readonly begin: number; readonly end: number }>
}

export function prepareSeed(file: Uint8Array): Seed {
  // A copy, and never a Buffer: slices of those share their bytes.
  const bytes = new Uint8Array(file)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const integers: Array<{ readonly offset: number; readonly bytes: 4 | 8 }> = []
  for (let offset = 0; offset + 4 <= bytes.byteLength; offset++) {
    const low = view.getUint32(offset, true)
    if (low === 0 || low > Math.max(bytes.byteLength, 256)) continue
    const isLong = offset + 8 <= bytes.byteLength && view.getUint32(offset + 4, true) === 0
    integers.push({ offset, bytes: isLong ? 8 : 4 })
  }
  const text = Buffer.from(bytes).toString('latin1')
  const decimals = [...text.matchAll(/\d+/g)].map(({ index, 0: digits }) => ({ begin: index, end: index + digits.length }))
  return { bytes, integers, decimals }
}

/** One case: a seed with a few changes, the same for the same randomness. */
export function mutate(seeds: readonly Seed[], rng: Rng): Uint8Array {
  const seed = pick(seeds, rng)
  let bytes = seed.bytes
  for (let count = pick(CHANGES, rng); count > 0; count--) {
    const change = pick(allChanges, rng)
    bytes = change(bytes, { seed, seeds, rng })
  }
  return bytes.byteLength > CASE_BYTES_MAX ? bytes.subarray(0, CASE_BYTES_MAX) : bytes
}

interface ChangeContext {
  readonly seed: Seed
  readonly seeds: readonly Seed[]
  readonly rng: Rng
}
type Change = (bytes: Uint8Array, context: ChangeContext) => Uint8Array

const flipBits: Change = (bytes, { rng }) => {
  const changed = bytes.slice()
  for (let count = 1 + randomInteger(rng, 8); count > 0 && changed.byteLength > 0; count--) {
    const offset = randomInteger(rng, changed.byteLength)
    changed[offset] = (changed[offset] ?? 0) ^ (1 << randomInteger(rng, 8))
  }
  return changed
}

const setBytes: Change = (bytes, { rng }) => {
  const changed = bytes.slice()
  const [begin, end] = range(bytes, rng, 16)
  return changed.fill(pick([0, 1, 0x7f, 0x80, 0xff, randomInteger(rng, 256)], rng), begin, end)
}

const cut: Change = (bytes, { rng }) => bytes.subarray(0, randomInteger(rng, bytes.byteLength + 1))

/** Writes an extreme value over an integer that looks like a length. */
const setInteger: Change = (bytes, { seed, rng }) => {
  const found =
    seed.integers.length > 0 ? pick(seed.integers, rng) : { offset: randomInteger(rng, bytes.byteLength + 1), bytes: 4 as const }
  if (found.offset + found.bytes > bytes.byteLength) return bytes
  const changed = bytes.slice()
  const view = new DataView(changed.buffer)
  const value = extreme(bytes, rng)
  if (found.bytes === 8) view.setBigUint64(found.offset, BigInt.asUintN(64, value), rng.float() < 0.9)
  else view.setUint32(found.offset, Number(BigInt.asUintN(32, value)), rng.float() < 0.9)
  return changed
}

/** Writes an extreme value over a number in text. */
const setDecimal: Change = (bytes, { seed, rng }) => {
  if (seed.decimals.length === 0) return bytes
  const { begin, end } = pick(seed.decimals, rng)
  const sign = rng.float() < 0.1 ? '-' : ''
  const text = pick([`${sign}${extreme(bytes, rng)}`, '1e308', '0.5', '00', '9'.repeat(40)], rng)
  return join(bytes.subarray(0, begin), Buffer.from(text), bytes.subarray(end))
}

/** Puts a protobuf integer of any length in place of a byte. */
const setVarint: Change = (bytes, { rng }) => {
  const offset = randomInteger(rng, bytes.byteLength + 1)
  const varint: number[] = []
  let rest = BigInt.asUintN(64, extreme(bytes, rng))
  for (; rest > 127n; rest >>= 7n) varint.push(Number(rest & 127n) | 128)
  return join(bytes.subarray(0, offset), Uint8Array.from([...varint, Number(rest)]), bytes.subarray(offset + 1))
}

/** Copies a part of some seed into the case, over what is there or in between. */
const splice: Change = (bytes, { seeds, rng }) => {
  const other = pick(seeds, rng).bytes
  const [begin, end] = range(other, rng, 256)
  const offset = randomInteger(rng, bytes.byteLength + 1)
  const behind = rng.float() < 0.5 ? offset : offset + end - begin
  return join(bytes.subarray(0, offset), other.subarray(begin, end), bytes.subarray(behind))
}

const repeat: Change = (bytes, { rng }) => {
  const [begin, end] = range(bytes, rng, 64)
  const times = pick([1, 2, 3, 10, 100, 1000], rng)
  const fitting = Math.min(times, Math.floor(CASE_BYTES_MAX / Math.max(end - begin, 1)))
  return join(bytes.subarray(0, end), ...Array.from({ length: fitting }, () => bytes.subarray(begin, end)), bytes.subarray(end))
}

const remove: Change = (bytes, { rng }) => {
  const [begin, end] = range(bytes, rng, 64)
  return join(bytes.subarray(0, begin), bytes.subarray(end))
}

const append: Change = (bytes, { rng }) => join(bytes, rng.bytes(randomInteger(rng, 64)))

/** Integers twice: counts and offsets are where readers trust too much. */
const allChanges: readonly Change[] = [
  flipBits,
  flipBits,
  setBytes,
  setInteger,
  setInteger,
  setInteger,
  setDecimal,
  setDecimal,
  setVarint,
  splice,
  repeat,
  remove,
  cut,
  append,
]

function extreme(bytes: Uint8Array, rng: Rng): bigint {
  const size = BigInt(bytes.byteLength)
  const powers = [7n, 8n, 15n, 16n, 24n, 31n, 32n, 33n, 52n, 53n, 62n, 63n, 64n]
  const base = pick([0n, size, BigInt(randomInteger(rng, bytes.byteLength + 1)), 2n ** pick(powers, rng), 2n ** pick(powers, rng)], rng)
  return base + pick([-1n, 0n, 0n, 1n], rng)
}

function range(bytes: Uint8Array, rng: Rng, lengthMax: number): readonly [number, number] {
  const begin = randomInteger(rng, bytes.byteLength + 1)
  return [begin, Math.min(bytes.byteLength, begin + 1 + randomInteger(rng, lengthMax))]
}

function pick<Item>(items: readonly Item[], rng: Rng): Item {
  return items[randomInteger(rng, items.length)] as Item
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}
