import assert from 'node:assert/strict'
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { isSomaError } from '@soma/core'
import { type Dtype, dtypes } from '@soma/spec'
import { arithmeticModel, externalDataModel, identityModel, reshapeModel, slowModel } from '@soma/testkit/onnx'
import fc from 'fast-check'
import { bytesReader, openFileReader } from '../reader.ts'
import { checkOnnxExternalData } from './external-data.ts'
import { type OnnxHeader, onnxSignature, readOnnxHeader } from './onnx-header.ts'

let folder = ''
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'soma-onnx-'))
})
after(async () => rm(folder, { recursive: true }))

async function read(bytes: Uint8Array, path = 'model.onnx'): Promise<OnnxHeader> {
  return readOnnxHeader(bytesReader(path, bytes))
}

/** Protobuf by hand, for what no honest writer writes. */
function varint(value: number | bigint): Buffer {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, BigInt(value))
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128)
  return Buffer.from([...bytes, Number(rest)])
}
function number(field: number, value: number | bigint): Buffer {
  return Buffer.concat([varint(field * 8), varint(value)])
}
function message(field: number, ...parts: ReadonlyArray<Uint8Array | string>): Buffer {
  const body = Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)))
  return Buffer.concat([varint(field * 8 + 2), varint(body.byteLength), body])
}
function tensorType(elementType: number, ...sizes: ReadonlyArray<number | string>): Buffer {
  const dims = sizes.map((size) => message(1, typeof size === 'number' ? number(1, size) : message(2, size)))
  return message(1, number(1, elementType), message(2, ...dims))
}
function port(field: 11 | 12, name: string, type: Buffer): Buffer {
  return message(field, message(1, name), message(2, type))
}
function model(irVersion: number, ...graph: Buffer[]): Buffer {
  return Buffer.concat([number(1, irVersion), message(2, 'by hand'), message(3, '1.0'), message(8, number(2, 17)), message(7, ...graph)])
}
function external(name: string, location: string): Buffer {
  return message(5, message(8, name), message(13, message(1, 'location'), message(2, location)), number(14, 1))
}

describe('ONNX header', () => {
  it('gives inputs and outputs of real models, free sizes as -1, a free rank as null', async () => {
    const arithmetic = await read(arithmeticModel())
    const value = (name: string) => ({ name, dtype: 'float32', shape: [2, -1] })
    assert.deepEqual(onnxSignature(arithmetic), { inputs: [value('a'), value('b')], outputs: [value('sum'), value('product')] })
    assert.equal(arithmetic.producer, 'soma-testkit')
    assert.deepEqual(arithmetic.opsets, { '': 17 })
    assert.deepEqual((await read(reshapeModel())).outputs, [{ name: 'y', dtype: 'float32', shape: null }])
    assert.deepEqual((await read(identityModel('int64', []))).inputs, [{ name: 'x', dtype: 'int64', shape: [] }])
    assert.deepEqual((await read(slowModel(8, 2))).inputs, [{ name: 'x', dtype: 'float32', shape: [8, 8] }])
  })

  it('knows every dtype', async () => {
    for (const dtype of dtypes) assert.equal((await read(identityModel(dtype)))?.inputs[0]?.dtype, dtype satisfies Dtype)
  })

  it('has no signature when an input or output is no tensor of ours, and says what it is', async () => {
    const header = await read(
      model(
        8,
        port(11, 'x', tensorType(1, 2)),
        port(12, 'map', message(4, 'x'.slice(1))),
        port(12, 'complex', tensorType(14)),
        port(12, 'tiny', tensorType(99)),
      ),
    )
    assert.deepEqual(header.unsupported, { map: 'sequence', complex: 'complex64', tiny: 'element type 99' })
    assert.equal(onnxSignature(header), null)
  })

  it('takes initializers for no inputs before IR 4, and for optional ones since', async () => {
    const graph = [
      message(5, message(8, 'w'), message(9, Buffer.alloc(40))),
      port(11, 'x', tensorType(1, 1)),
      port(11, 'w', tensorType(1, 10)),
      port(12, 'y', tensorType(1)),
    ]
    assert.deepEqual((await read(model(3, ...graph))).inputs, [{ name: 'x', dtype: 'float32', shape: [1] }])
    assert.deepEqual((await read(model(4, ...graph))).inputs[1], { name: 'w', dtype: 'float32', shape: [10], optional: true })
  })

  it('reads negative and huge sizes as free', async () => {
    const header = await read(model(8, port(11, 'x', tensorType(1, -1, -7, 2 ** 62, 0, 'batch', 2 ** 31)), port(12, 'y', tensorType(1))))
    assert.deepEqual(header.inputs[0]?.shape, [-1, -1, -1, 0, -1, 2 ** 31])
  })

  it('finds external data, beside the model and deep inside subgraphs and functions', async () => {
    const { model: small } = externalDataModel('weights/w.bin', [1, 2])
    assert.deepEqual((await read(small, 'onnx/model.onnx')).externalData, new Map([['onnx/weights/w.bin', { endBytes: 8, tensor: 'w' }]]))
    const node = (graph: Buffer): Buffer => message(1, message(4, 'If'), message(5, message(1, 'then_branch'), graph))
    const constant = message(1, message(5, message(5, external('c', 'const.bin').subarray(2))))
    const inner = message(6, node(message(6, external('w', 'deep.bin'))), constant)
    const bytes = Buffer.concat([
      model(8, node(inner), port(12, 'y', tensorType(1))),
      message(25, message(7, message(5, message(10, external('f', 'function.bin').subarray(2))))),
    ])
    const header = await read(bytes)
    assert.deepEqual([...header.externalData.keys()].toSorted(), ['const.bin', 'deep.bin', 'function.bin'])
    assert.throws(
      () => checkOnnxExternalData('model.onnx', header, (path) => (path === 'deep.bin' ? undefined : 1)),
      (error) => isSomaError(error, 'package/no-model') && (error.details['missing'] as string[])[0] === 'deep.bin',
    )
  })

  it('refuses external data outside the package', async () => {
    for (const location of ['../../etc/passwd', '/etc/passwd', 'a/../../b'])
      await assert.rejects(read(model(8, external('w', location), port(12, 'y', tensorType(1)))), (error) =>
        isSomaError(error, 'package/unsafe-path'),
      )
  })

  it('counts weights and their bytes by type, those of inner graphs too', async () => {
    const header = await read(slowModel(8, 2))
    assert.equal(header.parameters, 64)
    assert.deepEqual(Object.fromEntries(header.typeHistogram), { float32: 256 })
    const weights = (elementType: number, ...sizes: number[]): Buffer =>
      message(5, message(1, ...sizes.map(varint)), number(2, elementType), message(8, `w${elementType}`))
    const inner = message(6, weights(1, 10))
    const several = await read(
      model(8, weights(22, 3, 3), weights(8, 5), weights(99, 7), weights(1), message(1, message(5, inner)), port(12, 'y', tensorType(1))),
    )
    assert.equal(several.parameters, 9 + 5 + 7 + 1 + 10)
    assert.deepEqual(Object.fromEntries(several.typeHistogram), { int4: 5, string: 0, 'element type 99': 0, float32: 44 })
  })

  it('reads metadata and operator sets, whatever their names', async () => {
    const entry = (key: string, value: string): Buffer => message(14, message(1, key), message(2, value))
    const bytes = Buffer.concat([
      model(8, port(12, 'y', tensorType(1)), port(12, '__proto__', message(4, 'x'.slice(1)))),
      entry('license', 'MIT'),
      entry('__proto__', 'x'),
      message(8, message(1, 'ai.onnx.ml'), number(2, 3)),
      message(8, message(1, '__proto__'), number(2, 1)),
    ])
    const header = await read(bytes)
    assert.deepEqual(
      [...header.metadata],
      [
        ['license', 'MIT'],
        ['__proto__', 'x'],
      ],
    )
    assert.deepEqual(Object.entries(header.opsets), [
      ['', 17],
      ['ai.onnx.ml', 3],
      ['__proto__', 1],
    ])
    assert.deepEqual(Object.entries(header.unsupported), [['__proto__', 'sequence']])
    assert.equal(onnxSignature(header), null)
  })

  it('refuses data that is not as long as dimensions and type say, and dimensions that overflow', async () => {
    const tensor = (data: Buffer, ...sizes: Array<number | bigint>): Buffer =>
      model(8, message(5, ...sizes.map((size) => number(1, size)), number(2, 1), message(8, 'w'), message(9, data)))
    await read(tensor(Buffer.alloc(24), 2, 3))
    for (const [bytes, sizes] of [
      [23, [2, 3]],
      [0, [1]],
      [4, [2n ** 40n, 2n ** 40n]],
      [4, [-1]],
      [4, [2n ** 62n]],
    ] as const)
      await assert.rejects(read(tensor(Buffer.alloc(bytes), ...sizes)), { code: 'package/invalid-model' })
  })

  it('refuses files with weights that are too short for what is taken from them', async () => {
    const entry = (key: string, value: string): Buffer => message(13, message(1, key), message(2, value))
    const weights = (...entries: Buffer[]): Buffer =>
      model(8, message(5, number(1, 10), number(2, 1), message(8, 'w'), entry('location', 'w.bin'), ...entries, number(14, 1)))
    const check = async (bytes: Buffer, sizeBytes: number): Promise<void> =>
      checkOnnxExternalData('m.onnx', await read(bytes, 'm.onnx'), () => sizeBytes)
    await check(weights(entry('offset', '100'), entry('length', '40')), 140)
    await check(weights(), 40)
    for (const [bytes, sizeBytes] of [
      [weights(entry('offset', '100'), entry('length', '40')), 139],
      [weights(entry('offset', '100')), 139],
      [weights(), 39],
      [weights(entry('length', '44')), 1000],
      [weights(entry('offset', '-4')), 1000],
      [weights(entry('offset', '0x10')), 1000],
      [weights(entry('offset', '9007199254740991')), 1000],
      [weights(entry('offset', '99999999999999999999')), 1000],
    ] as const)
      await assert.rejects(check(bytes, sizeBytes), (error) => isSomaError(error, 'package/invalid-model'))
  })

  it('names file and offset of a cut at every byte', async () => {
    const whole = arithmeticModel()
    for (let bytes = 0; bytes < whole.byteLength; bytes++) {
      const error: unknown = await read(whole.subarray(0, bytes), 'sub/cut.onnx').then(
        () => undefined,
        (error: unknown) => error,
      )
      // Between two fields of the outermost message a cut cannot be seen, unless it takes the graph away.
      if (error === undefined) continue
      assert.ok(isSomaError(error, 'package/invalid-model'))
      assert.equal(error.details['path'], 'sub/cut.onnx')
      assert.equal(typeof error.details['offset'], 'number')
    }
  })

  it('refuses what is no ONNX at all', async () => {
    for (const bytes of [
      '',
      'hello world, this is text',
      '{"a":1}',
      'GGUF\x03\0\0\0',
      'PK\x03\x04',
      '\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80',
      Buffer.alloc(5000),
      Buffer.alloc(5000, 0xff),
    ])
      await assert.rejects(read(Buffer.from(bytes as string)), (error) => isSomaError(error, 'package/invalid-model'))
  })

  it('survives hostile lengths and nesting', async () => {
    const deep = Array.from({ length: 500 }).reduce<Buffer>((graph) => message(1, message(5, message(6, graph))), Buffer.alloc(0))
    const hostile = [
      Buffer.concat([number(1, 8), varint(7 * 8 + 2), varint(2 ** 40)]),
      Buffer.concat([number(1, 8), varint(7 * 8 + 2), varint(-1)]),
      Buffer.concat([number(1, 8), message(7, varint(5 * 8 + 2), varint(100))]),
      model(8, deep),
      model(8, port(11, 'x'.repeat(1000), tensorType(1))),
      Buffer.concat([model(8), message(7)]),
      model(8, message(5, number(14, 1))),
    ]
    for (const bytes of hostile) await assert.rejects(read(bytes), (error) => isSomaError(error, 'package/invalid-model'))
  })

  it('ends with a header or a typed error, whatever is changed in a model', async () => {
    const whole = Buffer.concat([slowModel(4, 3), arithmeticModel()])
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.nat(whole.byteLength - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }), async (changes) => {
        const changed = Buffer.from(whole)
        for (const [at, byte] of changes) changed[at] = byte
        await read(changed).catch((error: unknown) =>
          assert.ok(isSomaError(error, 'package/invalid-model') || isSomaError(error, 'package/unsafe-path'), String(error)),
        )
      }),
    )
  })

  it('reads a 2 GB file without reading its weights', async () => {
    const weights = 2 ** 31 - 4096
    const before = Buffer.concat([message(8, 'w'), varint(9 * 8 + 2), varint(weights)])
    const tensor = Buffer.concat([varint(5 * 8 + 2), varint(before.byteLength + weights), before])
    const rest = Buffer.concat([port(11, 'x', tensorType(1, 'n')), port(12, 'y', tensorType(1, 'n'))])
    const head = Buffer.concat([number(1, 8), varint(7 * 8 + 2), varint(tensor.byteLength + weights + rest.byteLength), tensor])
    const localPath = join(folder, 'large')
    await using file = await open(localPath, 'w')
    await file.write(head, 0, head.byteLength, 0)
    // A hole: it takes no disk.
    await file.write(rest, 0, rest.byteLength, head.byteLength + weights)
    await using reader = await openFileReader(localPath, { name: 'large.onnx' })
    const header = await readOnnxHeader(reader)
    assert.deepEqual([header.inputs[0]?.name, header.outputs[0]?.name], ['x', 'y'])
  })

  it('stops when it is aborted', async () => {
    const localPath = join(folder, 'aborted')
    await writeFile(localPath, arithmeticModel())
    const controller = new AbortController()
    await using reader = await openFileReader(localPath, { name: 'm.onnx', signal: controller.signal })
    controller.abort()
    await assert.rejects(readOnnxHeader(reader), (error) => isSomaError(error, 'call/cancelled'))
  })
})
