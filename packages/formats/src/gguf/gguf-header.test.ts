import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isSomaError } from '@soma/core'
import { type GgufModel, type GgufModelTensor, type GgufModelValue, llamaGguf, writeGguf } from '@soma/testkit/formats'
import fc from 'fast-check'
import { bytesReader } from '../reader.ts'
import { ggmlType } from './ggml-types.ts'
import { type GgufHeader, readGgufHeader } from './gguf-header.ts'
import { ggufMemory } from './memory.ts'
import { ggufSplitPaths, parseGgufSplit } from './split.ts'
import type { GgufArray } from './value-scan.ts'

const read = (bytes: Uint8Array): Promise<GgufHeader> => readGgufHeader(bytesReader('sub/model.gguf', bytes))
const uint32 = (value: number): GgufModelValue => ({ type: 'uint32', value })
const text = (value: string): GgufModelValue => ({ type: 'string', value })
const list = (of: GgufModelValue['type'], value: readonly GgufModelValue[]): GgufModelValue => ({ type: 'array', of, value })
const floats = (name: string, ...shape: number[]): GgufModelTensor => ({
  name,
  shape,
  type: 0,
  data: new Uint8Array(4 * shape.reduce((a, b) => a * b, 1)),
})

/** Asserts that the bytes are refused, naming the file, an offset and what was wrong. */
async function refused(bytes: Uint8Array, expected: RegExp): Promise<void> {
  await assert.rejects(read(bytes), (error) => {
    assert.ok(isSomaError(error, 'package/invalid-model'), String(error))
    assert.equal(error.details['path'], 'sub/model.gguf')
    assert.equal(typeof error.details['offset'], 'number')
    assert.match(error.message, expected)
    return true
  })
}

/** A copy with an integer written over what is at `offset`. */
function patched(bytes: Uint8Array, offset: number, value: number | bigint): Uint8Array {
  const copy = bytes.slice()
  const view = new DataView(copy.buffer)
  if (typeof value === 'bigint') view.setBigUint64(offset, value, true)
  else view.setUint32(offset, value, true)
  return copy
}

describe('GGUF header', () => {
  it('says what a small llama is, in every version and endianness', async () => {
    for (const options of [{}, { version: 2 }, { version: 1 }, { littleEndian: false }] as const) {
      const header = await read(llamaGguf(options))
      assert.equal(header.version, 'version' in options ? options.version : 3)
      assert.equal(header.endianness, 'littleEndian' in options ? 'big' : 'little')
      assert.equal(header.architecture, 'llama')
      assert.equal(header.name, 'Tiny')
      assert.equal(header.licence, 'apache-2.0')
      assert.equal(header.quantisation, 'Q4_K_M')
      assert.equal(header.contextLength, 512)
      assert.equal(header.embeddingLength, 256)
      assert.equal(header.blockCount, 2)
      assert.equal(header.headCount, 8)
      assert.equal(header.headCountKv, 4)
      assert.equal(header.chatTemplate, '{{ messages }}')
      assert.equal(header.tokenizerModel, 'llama')
      assert.equal(header.alignment, 32)
      assert.equal(header.parameters, 256 * 4)
      assert.deepEqual(Object.fromEntries(header.typeHistogram), { F32: 1024, Q4_K: 288, Q6_K: 210 })
      assert.deepEqual(
        header.tensors.map(({ name, type, end, begin }) => [name, type, end - begin]),
        [
          ['token_embd.weight', 'Q4_K', 288],
          ['output_norm.weight', 'F32', 1024],
          ['output.weight', 'Q6_K', 210],
        ],
      )
      assert.equal(header.metadata.get('llama.attention.layer_norm_rms_epsilon'), 0.5)
      assert.equal(header.metadata.get('tokenizer.ggml.add_bos_token'), true)
      assert.deepEqual(header.metadata.get('tokenizer.ggml.tokens'), {
        arrayOf: 'string',
        length: 5,
        values: ['<unk>', '<s>', '</s>', '▁a', 'b'],
      })
    }
  })

  it('counts a vocabulary without keeping it', async () => {
    const tokens = Array.from({ length: 20_000 }, (_, index) => text(`token ${index}`))
    const scores = Array.from({ length: 20_000 }, (_, index): GgufModelValue => ({ type: 'float32', value: index }))
    const metadata = [
      ['tokens', list('string', tokens)],
      ['scores', list('float32', scores)],
      ['nested', list('array', [list('string', tokens.slice(0, 2)), list('uint32', [uint32(7)])])],
    ] as const
    const header = await read(writeGguf({ metadata, tensors: [] }))
    const array = (key: string) => header.metadata.get(key) as GgufArray
    assert.deepEqual([array('tokens').length, array('tokens').values.length], [20_000, 64])
    assert.deepEqual([array('scores').length, array('scores').values.length], [20_000, 1024])
    assert.deepEqual(array('nested').values, [
      { arrayOf: 'string', length: 2, values: ['token 0', 'token 1'] },
      { arrayOf: 'uint32', length: 1, values: [7] },
    ])
  })

  it('counts a text that is too long to keep', async () => {
    const header = await read(writeGguf({ metadata: [['json', text('x'.repeat(2 ** 20 + 1))]], tensors: [] }))
    assert.deepEqual(header.metadata.get('json'), { arrayOf: 'utf8', length: 2 ** 20 + 1, values: [] })
  })

  it('keeps integers beyond 2^53 exact', async () => {
    const metadata = [
      ['big', { type: 'uint64', value: 2n ** 64n - 1n }],
      ['low', { type: 'int64', value: -(2n ** 63n) }],
      ['small', { type: 'uint64', value: 5n }],
    ] as const
    const { metadata: found } = await read(writeGguf({ metadata, tensors: [] }))
    assert.deepEqual([...found.values()], [2n ** 64n - 1n, -(2n ** 63n), 5])
  })

  it('knows files of a split model, by metadata and by name', async () => {
    const metadata = [
      ['split.no', { type: 'uint16', value: 1 }],
      ['split.count', { type: 'uint16', value: 3 }],
    ] as const
    assert.deepEqual((await read(writeGguf({ metadata, tensors: [] }))).split, { index: 1, count: 3 })
    assert.deepEqual(parseGgufSplit('a/m-Q4_K_M-00002-of-00003.gguf'), { prefix: 'a/m-Q4_K_M', index: 2, count: 3 })
    assert.deepEqual(ggufSplitPaths('m-00002-of-00002.gguf'), ['m-00001-of-00002.gguf', 'm-00002-of-00002.gguf'])
    for (const whole of ['m.gguf', 'm-00003-of-00002.gguf', 'm-00000-of-00002.gguf', 'm-1-of-2.gguf'])
      assert.deepEqual(ggufSplitPaths(whole), [whole])
  })

  it('refuses a file cut anywhere in front of its last tensor’s end', async () => {
    const whole = llamaGguf()
    for (let bytes = 0; bytes < whole.byteLength; bytes++) await refused(whole.subarray(0, bytes), /cut short/)
  })

  it('refuses what is no GGUF, and versions that do not exist', async () => {
    await refused(Buffer.from('hello world, this is text'), /the letters GGUF/)
    const whole = llamaGguf()
    for (const version of [0, 4, 0x0400_0000, 0xffff_ffff]) await refused(patched(whole, 4, version), /a GGUF version/)
  })

  it('refuses absurd counts before allocating for them', async () => {
    const whole = llamaGguf()
    for (const count of [2n ** 64n - 1n, 2n ** 53n, 2n ** 32n, 200_000n]) {
      await refused(patched(whole, 8, count), /a tensor count of at most/)
      await refused(patched(whole, 16, count), /a count of metadata of at most/)
      // The first key's length.
      await refused(patched(whole, 24, count), /a length of a metadata key/)
    }
    const array = writeGguf({ metadata: [['a', list('uint64', [])]], tensors: [] })
    await refused(patched(array, array.byteLength - 8, 2n ** 40n), /an array length of at most 0/)
  })

  it('refuses keys and tensors that come twice', async () => {
    await refused(
      writeGguf({
        metadata: [
          ['a', uint32(1)],
          ['a', uint32(2)],
        ],
        tensors: [],
      }),
      /a second "a"/,
    )
    await refused(writeGguf({ metadata: [], tensors: [floats('w', 8), floats('w', 8)] }), /a second "w"/)
  })

  it('refuses tensors that are not aligned, not inside, or not apart', async () => {
    const whole = writeGguf({ metadata: [], tensors: [floats('a', 8), floats('b', 8)] })
    const offsetOfB = 24 + (8 + 1 + 4 + 8 + 4 + 8) + (8 + 1 + 4 + 8 + 4)
    assert.equal(new DataView(whole.buffer).getBigUint64(offsetOfB, true), 32n)
    await refused(patched(whole, offsetOfB, 4n), /in steps of 32/)
    await refused(patched(whole, offsetOfB, 0n), /sharing byte/)
    await refused(patched(whole, offsetOfB, 64n), /inside the file/)
    await refused(patched(whole, offsetOfB, 2n ** 63n), /a tensor offset of at most/)
    await refused(patched(whole, offsetOfB, 2n ** 53n - 32n), /inside the file/)
  })

  it('refuses shapes that overflow, also behind a zero, and rows that are no whole blocks', async () => {
    const huge = { name: 'w', type: 0, data: new Uint8Array(0) }
    await refused(writeGguf({ metadata: [], tensors: [{ ...huge, shape: [2 ** 31, 2 ** 31] }] }), /fit any file/)
    await refused(writeGguf({ metadata: [], tensors: [{ ...huge, shape: [2 ** 31, 0, 2 ** 31] }] }), /fit any file/)
    await refused(writeGguf({ metadata: [], tensors: [{ ...huge, shape: [1, 1, 1, 1, 1, 1, 1, 1, 1] }] }), /at most 8 dimensions/)
    await refused(writeGguf({ metadata: [], tensors: [{ ...huge, shape: [33], type: 2, data: new Uint8Array(36) }] }), /blocks of 32/)
    await refused(writeGguf({ metadata: [], tensors: [{ ...huge, shape: [8], type: 4 }] }), /a known type/)
  })

  it('refuses an alignment that is no power of two, a boolean that is none, and arrays too deep', async () => {
    for (const value of [0, 3, 2 ** 30])
      await refused(writeGguf({ metadata: [['general.alignment', uint32(value)]], tensors: [] }), /a power of two/)
    await refused(writeGguf({ metadata: [['general.alignment', text('32')]], tensors: [] }), /a power of two/)
    const yes = writeGguf({ metadata: [['b', { type: 'bool', value: true }]], tensors: [] })
    yes[yes.byteLength - 1] = 2
    await refused(yes, /a boolean/)
    let deep: GgufModelValue = list('uint8', [])
    for (let depth = 0; depth < 6; depth++) deep = list('array', [deep])
    await refused(writeGguf({ metadata: [['a', deep]], tensors: [] }), /inside each other/)
    const many = list(
      'array',
      Array.from({ length: 65_537 }, () => list('uint8', [])),
    )
    await refused(writeGguf({ metadata: [['a', many]], tensors: [] }), /an array length of at most 65536/)
  })

  it('reads what a writer wrote, for any metadata and tensors', async () => {
    await fc.assert(
      fc.asyncProperty(anyModel, async (model) => {
        const header = await read(writeGguf(model))
        assert.equal(header.endianness, model.littleEndian ? 'little' : 'big')
        assert.deepEqual(
          [...header.metadata].filter(([key]) => key !== 'general.alignment'),
          model.metadata.filter(([key]) => key !== 'general.alignment').map(([key, value]) => [key, plain(value)]),
        )
        assert.deepEqual(
          header.tensors.map(({ name, shape, begin, end }) => [name, shape, end - begin, begin % (model.alignment ?? 32)]),
          model.tensors.map(({ name, shape, data }) => [name, shape, data.byteLength, 0]),
        )
      }),
      { numRuns: 300 },
    )
  })
})

/** What the reader should make of a value. */
function plain(value: GgufModelValue): unknown {
  if (value.type === 'array') {
    const kept = value.of === 'string' || value.of === 'array' ? 64 : 1024
    return { arrayOf: value.of, length: value.value.length, values: value.value.slice(0, kept).map(plain) }
  }
  if (typeof value.value !== 'bigint') return value.value
  return Number.isSafeInteger(Number(value.value)) ? Number(value.value) : value.value
}

const anyScalar: fc.Arbitrary<GgufModelValue> = fc.oneof(
  fc.nat(255).map((value): GgufModelValue => ({ type: 'uint8', value })),
  fc.integer({ min: -128, max: 127 }).map((value): GgufModelValue => ({ type: 'int8', value })),
  fc.nat(65_535).map((value): GgufModelValue => ({ type: 'uint16', value })),
  fc.integer({ min: -32_768, max: 32_767 }).map((value): GgufModelValue => ({ type: 'int16', value })),
  fc.nat(2 ** 32 - 1).map(uint32),
  fc.integer().map((value): GgufModelValue => ({ type: 'int32', value })),
  fc.float().map((value): GgufModelValue => ({ type: 'float32', value })),
  fc.double().map((value): GgufModelValue => ({ type: 'float64', value })),
  fc.boolean().map((value): GgufModelValue => ({ type: 'bool', value })),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((value): GgufModelValue => ({ type: 'uint64', value })),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((value): GgufModelValue => ({ type: 'int64', value })),
  fc.string({ unit: 'grapheme' }).map(text),
)
const anyArray = fc.tuple(anyScalar, fc.nat(100)).map(([item, length]) =>
  list(
    item.type,
    Array.from({ length }, () => item),
  ),
)
const anyValue = fc.oneof(
  anyScalar,
  anyArray,
  fc.array(anyArray, { maxLength: 5 }).map((items) => list('array', items)),
)

const anyTensor: fc.Arbitrary<GgufModelTensor> = fc
  .record({
    name: fc.string({ minLength: 1, maxLength: 40 }),
    rows: fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 3 }),
    blocks: fc.integer({ min: 0, max: 3 }),
    type: fc.constantFrom(0, 1, 2, 8, 10, 12, 14, 16, 23, 28, 30, 34, 39, 40, 41),
  })
  .map(({ name, rows, blocks, type }) => {
    const { blockElements = 1, blockBytes = 0 } = ggmlType(type) ?? {}
    const bytes = rows.reduce((product, size) => product * size, blocks) * blockBytes
    return { name, shape: [blocks * blockElements, ...rows], type, data: new Uint8Array(bytes) }
  })

const anyModel: fc.Arbitrary<GgufModel> = fc
  .record({
    metadata: fc.uniqueArray(fc.tuple(fc.string({ maxLength: 30 }), anyValue), { selector: ([key]) => key, maxLength: 10 }),
    tensors: fc.uniqueArray(anyTensor, { selector: ({ name }) => name, maxLength: 10 }),
    littleEndian: fc.boolean(),
    alignment: fc.constantFrom(1, 8, 32, 64, 4096),
  })
  .map((model) => ({ ...model, metadata: [...model.metadata, ['general.alignment', uint32(model.alignment)] as const] }))

describe('GGUF memory', () => {
  const header = (entries: ReadonlyArray<readonly [string, GgufModelValue]>): Promise<GgufHeader> =>
    read(writeGguf({ metadata: [['general.architecture', text('llama')], ...entries], tensors: [floats('w', 1000)] }))

  it('is that of Llama 3 8B: 8 heads of 128 in 32 layers take 1 GiB for 8192 tokens', async () => {
    const llama3 = await header([
      ['llama.block_count', uint32(32)],
      ['llama.embedding_length', uint32(4096)],
      ['llama.attention.head_count', uint32(32)],
      ['llama.attention.head_count_kv', uint32(8)],
    ])
    assert.deepEqual(ggufMemory(llama3, 8192), { weightsBytes: 4000, cacheBytes: 2 ** 30, totalBytes: 2 ** 30 + 4000 })
    assert.equal(ggufMemory(llama3, 0)?.cacheBytes, 0)
  })

  it('takes key and value widths that the file states', async () => {
    const gemma = await header([
      ['llama.block_count', uint32(26)],
      ['llama.embedding_length', uint32(2304)],
      ['llama.attention.head_count', uint32(8)],
      ['llama.attention.head_count_kv', uint32(4)],
      ['llama.attention.key_length', uint32(256)],
      ['llama.attention.value_length', uint32(256)],
    ])
    assert.equal(ggufMemory(gemma, 1000)?.cacheBytes, 1000 * 26 * 4 * 512 * 2)
  })

  it('adds up layers that differ; those without attention count for nothing', async () => {
    const hybrid = await header([
      ['llama.block_count', uint32(3)],
      ['llama.embedding_length', uint32(64)],
      ['llama.attention.head_count', uint32(4)],
      ['llama.attention.head_count_kv', list('uint32', [uint32(0), uint32(2), uint32(1)])],
    ])
    assert.equal(hybrid.headCountKv, 2)
    assert.equal(ggufMemory(hybrid, 10)?.cacheBytes, 10 * 3 * 32 * 2)
  })

  it('is unknown when the file does not say enough, or says nonsense', async () => {
    assert.equal(ggufMemory(await header([]), 10), null)
    const many = [
      ['llama.block_count', uint32(2 ** 32 - 1)],
      ['llama.attention.head_count', uint32(4)],
    ] as const
    assert.equal(ggufMemory(await header(many), 10), null)
    const few = await header([
      ['llama.block_count', uint32(3)],
      ['llama.embedding_length', uint32(64)],
      ['llama.attention.head_count', list('uint32', [uint32(4)])],
    ])
    assert.equal(ggufMemory(few, 10), null)
  })
})
