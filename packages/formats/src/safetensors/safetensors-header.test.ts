import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isSomaError } from '@soma/core'
import { type SafetensorsModelTensor, shardIndexJson, tinySafetensors, writeSafetensors } from '@soma/testkit/formats'
import fc from 'fast-check'
import { bytesReader } from '../reader.ts'
import { safetensorsBits } from './dtypes.ts'
import { type SafetensorsHeader, readSafetensorsHeader } from './safetensors-header.ts'
import { checkShard, checkShardFiles, readShardIndex } from './shard-index.ts'

const read = (bytes: Uint8Array): Promise<SafetensorsHeader> => readSafetensorsHeader(bytesReader('m.safetensors', bytes))

/** A file with any text for a header. */
function fileOf(header: string | Uint8Array, dataBytes = 0, length = BigInt(Buffer.from(header).byteLength)): Uint8Array {
  const size = new DataView(new ArrayBuffer(8))
  size.setBigUint64(0, length, true)
  return new Uint8Array(Buffer.concat([new Uint8Array(size.buffer), Buffer.from(header), Buffer.alloc(dataBytes)]))
}
const tensor = (begin: number, end: number, more = ''): string =>
  `{"dtype":"U8","shape":[${end - begin}],"data_offsets":[${begin},${end}]${more}}`

async function refused(bytes: Uint8Array, expected: RegExp): Promise<void> {
  await assert.rejects(read(bytes), (error) => {
    assert.ok(isSomaError(error, 'package/invalid-model'), String(error))
    assert.equal(error.details['path'], 'm.safetensors')
    assert.equal(typeof error.details['offset'], 'number')
    assert.match(error.message, expected)
    return true
  })
}

describe('safetensors header', () => {
  it('says what a small file holds', async () => {
    const header = await read(tinySafetensors())
    assert.deepEqual(
      header.tensors.map(({ name, dtype, shape, elements, begin, end }) => [name, dtype, shape, elements, end - begin]),
      [
        ['embeddings.weight', 'F16', [3, 4], 12, 24],
        ['empty', 'F32', [0, 4], 0, 0],
        ['norm.weight', 'F32', [4], 4, 16],
      ],
    )
    assert.deepEqual(Object.fromEntries(header.metadata), { format: 'pt' })
    assert.equal(header.parameters, 16)
    assert.deepEqual(Object.fromEntries(header.typeHistogram), { F16: 24, F32: 16 })
  })

  it('takes unknown keys of a tensor, escapes in names, white space and a scalar', async () => {
    const header = await read(
      fileOf(
        ` { "a\\u00e9\\n" : ${tensor(0, 2, ',"x":[{"y":[null,true,-1.5e3,"z"]},{}]')} ,\n"s":{"dtype":"F32","shape":[],"data_offsets":[2,6]}}  `,
        6,
      ),
    )
    assert.deepEqual(
      header.tensors.map(({ name, elements }) => [name, elements]),
      [
        ['aé\n', 2],
        ['s', 1],
      ],
    )
    assert.deepEqual((await read(fileOf('{}'))).tensors, [])
  })

  it('puts tensors that are written in another order into that of their bytes', async () => {
    const header = await read(fileOf(`{"b":${tensor(4, 8)},"a":${tensor(0, 4)},"e":${tensor(4, 4)}}`, 8))
    assert.deepEqual(
      header.tensors.map(({ name }) => name),
      ['a', 'e', 'b'],
    )
  })

  it('refuses a file cut anywhere, and one with more behind it', async () => {
    const whole = tinySafetensors()
    for (let bytes = 0; bytes < whole.byteLength; bytes++) await refused(whole.subarray(0, bytes), /cut short/)
    await refused(fileOf(`{"a":${tensor(0, 4)}}`, 5), /up to the file's end/)
  })

  it('refuses gaps, overlaps, and tensors outside the file', async () => {
    await refused(fileOf(`{"a":${tensor(1, 4)}}`, 4), /begin where another ends/)
    await refused(fileOf(`{"a":${tensor(0, 4)},"b":${tensor(5, 8)}}`, 8), /begin where another ends/)
    await refused(fileOf(`{"a":${tensor(0, 4)},"b":${tensor(3, 8)}}`, 8), /begin where another ends/)
    await refused(fileOf(`{"a":${tensor(0, 4)},"b":${tensor(0, 4)}}`, 4), /begin where another ends/)
    await refused(fileOf(`{"a":${tensor(0, 9)}}`, 8), /up to the file's end/)
  })

  it('refuses keys that come twice, which JSON.parse would hide', async () => {
    await refused(fileOf(`{"a":${tensor(0, 4)},"a":${tensor(0, 4)}}`, 4), /a second "a"/)
    await refused(fileOf(`{"a":${tensor(0, 4)},"\\u0061":${tensor(4, 8)}}`, 8), /a second "a"/)
    await refused(fileOf('{"a":{"dtype":"U8","dtype":"U8","shape":[4],"data_offsets":[0,4]}}', 4), /a second "dtype"/)
    await refused(fileOf('{"__metadata__":{"a":"1","a":"2"}}'), /a second "a"/)
  })

  it('refuses shapes that do not fit the bytes, and products that overflow, also behind a zero', async () => {
    const of = (dtype: string, shape: string, end: number): Uint8Array =>
      fileOf(`{"a":{"dtype":"${dtype}","shape":${shape},"data_offsets":[0,${end}]}}`, end)
    await refused(of('F32', '[2]', 4), /8 bytes of the tensor/)
    await refused(of('F4', '[3]', 2), /1.5 bytes/)
    await refused(of('F32', '[9007199254740991,9007199254740991]', 4), /fits any file/)
    await refused(of('F32', '[9007199254740991,0,9007199254740991]', 0), /fits any file/)
    await refused(of('Q4', '[2]', 1), /a known dtype/)
    for (const shape of ['[-1]', '[1.0]', '[1e1]', '[01]', '["1"]', '[9007199254740992]', '[null]', '{}', '[1,]', '1'])
      await refused(of('U8', shape, 1), /expected/)
    await refused(of('U8', `[${'1,'.repeat(64)}1]`, 1), /at most 64 numbers/)
  })

  it('refuses what is no header', async () => {
    for (const header of [
      '',
      '[]',
      '1',
      'null',
      '"a"',
      '{',
      '{"a"}',
      '{"a":1}',
      '{"a":{}}',
      '{} x',
      '{}{}',
      '{"a":{"dtype":"U8"}}',
      "{'a':1}",
      '{"a\u0001":1}',
    ])
      await refused(fileOf(header), /expected/)
    await refused(fileOf(`{"__metadata__":{"a":1}}`), /a text in quotes/)
    await refused(fileOf(Buffer.from('7b22ff223a317d', 'hex')), /UTF-8/)
    await refused(fileOf(`{"\\ud800":${tensor(0, 0)}}`), /Unicode/)
    await refused(fileOf(`{"a":{"x":${'['.repeat(100)}`), /inside each other/)
    await refused(fileOf(`{"a":${tensor(0, 4, ',"data_offsets":[0,4,5]')}}`, 4), /a second/)
  })

  it('refuses a header longer than the file or the limit, before allocating for it', async () => {
    for (const length of [3n, 100_000_001n, 2n ** 32n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n])
      await refused(fileOf('{}', 0, length), /cut short/)
  })

  it('refuses more values than any header has, so that hostile ones cost neither time nor memory', async () => {
    await refused(fileOf(`{"a":{"x":[${'{},'.repeat(2_500_000)}`), /at most 2500000 values/)
    const entries = Array.from({ length: 65_537 }, (_, index) => `"${index}":""`)
    await refused(fileOf(`{"__metadata__":{${entries.join(',')}}}`), /at most 65536 entries/)
  })

  it('reads what a writer wrote, for any tensors', async () => {
    await fc.assert(
      fc.asyncProperty(
        anyTensors,
        fc.dictionary(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' })),
        async (tensors, metadata) => {
          const header = await read(writeSafetensors({ tensors, metadata }))
          const summary = (all: ReadonlyArray<Omit<SafetensorsModelTensor, 'data'>>): unknown =>
            all.map(({ name, dtype, shape }) => ({ name, dtype, shape })).sort((a, b) => (a.name < b.name ? -1 : 1))
          assert.deepEqual(summary(header.tensors), summary(tensors))
          assert.deepEqual(Object.fromEntries(header.metadata), { ...metadata })
        },
      ),
      { numRuns: 300 },
    )
  })
})

const anyTensors = fc.uniqueArray(
  fc
    .record({
      name: fc.string({ unit: 'grapheme', maxLength: 30 }).filter((name) => name !== '__metadata__' && name !== '__proto__'),
      dtype: fc.constantFrom('BOOL', 'U8', 'F8_E4M3', 'F16', 'BF16', 'I32', 'F64', 'C64', 'F4', 'F6_E2M3'),
      shape: fc.array(fc.nat(4), { maxLength: 4 }),
    })
    // Whole bytes, whatever the dtype.
    .map(({ name, dtype, shape }) => ({ name, dtype, shape: [...shape, 4] }))
    .map((entry) => ({
      ...entry,
      data: new Uint8Array((entry.shape.reduce((a, b) => a * b, 1) * (safetensorsBits(entry.dtype) ?? 0)) / 8),
    })),
  { selector: ({ name }) => name, maxLength: 20 },
)

describe('an index of shards', () => {
  const readIndex = (text: string | Uint8Array, name = 'sub/model.safetensors.index.json') =>
    readShardIndex(bytesReader(name, Buffer.from(text)))

  it('says which file holds what, relative to its own folder', async () => {
    const index = await readIndex(shardIndexJson())
    assert.equal(index.totalBytes, 40)
    assert.deepEqual([...index.files.keys()], ['sub/model-00001-of-00002.safetensors', 'sub/model-00002-of-00002.safetensors'])
    checkShardFiles(index, () => true)
    assert.throws(
      () => checkShardFiles(index, (path) => path.includes('00001')),
      (error) => isSomaError(error, 'package/no-model') && /00002-of-00002/.test(error.message),
    )
  })

  it('misses tensors that are not in the file they are said to be in', async () => {
    const index = await readIndex(shardIndexJson())
    const header = await read(tinySafetensors())
    checkShard(index, 'sub/model-00001-of-00002.safetensors', header)
    const lacking = { ...header, tensors: header.tensors.slice(0, 1) }
    assert.throws(
      () => checkShard(index, 'sub/model-00002-of-00002.safetensors', lacking),
      (error) => isSomaError(error, 'package/invalid-model') && /norm\.weight/.test(error.message),
    )
  })

  it('refuses files outside its folder, tensors that come twice, and what is no index', async () => {
    for (const path of ['../m.safetensors', '/etc/passwd', 'a\\\\b', ''])
      await assert.rejects(readIndex(`{"weight_map":{"a":"${path}"}}`), { code: 'package/unsafe-path' })
    for (const text of [
      '{"weight_map":{"a":"f","a":"g"}}',
      '{"weight_map":{"a":1}}',
      '{}',
      '[]',
      '{"weight_map":[]}',
      '{"weight_map":{}} x',
      '{"weight_map":{},"weight_map":{}}',
    ])
      await assert.rejects(readIndex(text), { code: 'package/invalid-model' })
  })

  it('takes any metadata', async () => {
    for (const metadata of ['null', '[]', '{"total_size":1.5}', '{"total_size":"big"}', '{"total_size":{"a":1}}', '{}'])
      assert.equal((await readIndex(`{"metadata":${metadata},"weight_map":{}}`)).totalBytes, null)
  })
})
