import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, describe, test } from 'node:test'
import { isSomaError } from '@soma/core'
import fc from 'fast-check'
import { parseDuration } from './duration.ts'
import { buildGrant } from './grant.ts'
import { isNpy, parseNpy } from './npy.ts'
import { readInput, readJson, splitAssignment } from './read.ts'
import { expandReference } from './reference.ts'
import { tensorField } from './tensor-field.ts'
import { fileTensor, writtenTensor } from './tensor.ts'

const folder = await mkdtemp(join(tmpdir(), 'soma-input-'))
after(async () => await rm(folder, { recursive: true }))
const none = Readable.from([])

test('lengths of time are a number and a unit, and nothing else', () => {
  assert.deepEqual(['45s', '30m', '1.5h', '7d', '2w'].map(parseDuration), [45_000, 1_800_000, 5_400_000, 604_800_000, 1_209_600_000])
  for (const text of ['', '7', 'd', '0d', '-1d', '7 d', '7days', '1e3s', 'Infinityd'])
    assert.throws(() => parseDuration(text), /is not a length of time/)
})

test('a grant gets its expiry, quota and faces from the options', () => {
  assert.deepEqual(
    buildGrant('model/*:invoke,list', { expires: '1h', quota: '100/1m', face: ['http'], maxInput: 5, priorityMax: 'batch' }, 1000),
    {
      resource: 'model/*',
      rights: ['invoke', 'list'],
      constraints: { faces: ['http'], inputBytesMax: 5, priorityMax: 'batch' },
      expiresAt: 3_601_000,
      quota: { calls: 100, windowMs: 60_000 },
    },
  )
  assert.equal(buildGrant('*:*', { expires: 'never' }, 0).expiresAt, null)
  assert.deepEqual(buildGrant('*:*', { quota: '7' }, 0).quota, { calls: 7 })
  for (const [grant, options] of [
    ['model', {}],
    ['model/*:fly', {}],
    ['*:*', { quota: 'many' }],
    ['*:*', { face: ['tcp'] }],
    ['*:*', { priorityMax: 'first' }],
  ] as const)
    assert.throws(
      () => buildGrant(grant, options, 0),
      (error) => isSomaError(error, 'call/invalid-input'),
    )
})

test('paths and web addresses become references, and references stay', () => {
  for (const [written, meant] of [
    ['./model', 'file//work/model'],
    ['..', 'file//'],
    ['/abs/x', 'file//abs/x'],
    ['~/m', `file/${homedir()}/m`],
    ['https://host/m.onnx', 'url/https://host/m.onnx'],
    ['npm/@a/b@1.0.0', 'npm/@a/b@1.0.0'],
    ['file//abs', 'file//abs'],
  ] as const)
    assert.equal(expandReference(written, '/work'), meant)
})

test('JSON comes from the command line, a file or standard input', async () => {
  const path = join(folder, 'in.json')
  await writeFile(path, '{"a": 1}')
  assert.deepEqual(await readJson('{"a": 1}', none), { a: 1 })
  assert.deepEqual(await readJson(`@${path}`, none), { a: 1 })
  assert.deepEqual(await readJson('-', Readable.from(['{"a"', ': 1}'])), { a: 1 })
  await assert.rejects(readJson('{', none), (error) => isSomaError(error, 'call/malformed'))
  assert.deepEqual(splitAssignment('a=b=c'), { name: 'a', value: 'b=c' })
  assert.throws(() => splitAssignment('=b'))
})

test('files and streams over the limit are refused while they are read', async () => {
  const path = join(folder, 'large')
  await writeFile(path, 'x'.repeat(11))
  await assert.rejects(readInput(path, none, 10), (error) => isSomaError(error, 'call/too-large'))
  await assert.rejects(readInput('-', Readable.from(['x'.repeat(6), 'x'.repeat(6)]), 10), (error) => isSomaError(error, 'call/too-large'))
  await assert.rejects(readInput(folder, none), /it is a folder/)
})

test('the field that takes tensors is found from the call’s schema', () => {
  assert.equal(tensorField('model.infer'), 'inputs')
  assert.equal(tensorField('system.echo'), 'tensors')
  assert.equal(tensorField('model.show'), undefined)
})

/** A .npy file as NumPy writes it, version 1 or 2. */
function npy(header: string, data: Uint8Array = new Uint8Array(), version = 1): Buffer {
  const text = Buffer.from(header)
  const length = Buffer.alloc(version === 1 ? 2 : 4)
  if (version === 1) length.writeUInt16LE(text.length)
  else length.writeUInt32LE(text.length)
  return Buffer.concat([Buffer.from('\u0093NUMPY', 'latin1'), Buffer.from([version, 0]), length, text, data])
}

describe('.npy files', () => {
  const data = new Uint8Array(new Float32Array([1, 2, 3, 4, 5, 6]).buffer)

  test('are tensors of their own dtype and shape', () => {
    for (const version of [1, 2]) {
      const file = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n", data, version)
      assert.ok(isNpy(file))
      assert.deepEqual(parseNpy('x', file), { name: 'x', dtype: 'float32', shape: [2, 3], data: Buffer.from(data) })
    }
    assert.deepEqual(parseNpy('x', npy("{'descr': '|b1', 'fortran_order': False, 'shape': (), }\n")).shape, [])
    assert.deepEqual(parseNpy('x', npy("{'descr': '<i8', 'fortran_order': False, 'shape': (7,), }\n")).shape, [7])
  })

  for (const [what, header, why] of [
    ['column-major', "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }", /column-major/],
    ['big-endian', "{'descr': '>f4', 'fortran_order': False, 'shape': (2, 3), }", />f4 are not supported/],
    ['records', "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }", /not one of NumPy/],
  ] as const)
    test(`with ${what} are refused with what to do`, () => {
      assert.throws(() => parseNpy('x', npy(header, data)), why)
    })

  test('that are damaged anywhere are refused or read, never worse (seeded)', () => {
    const whole = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n", data)
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), fc.nat(whole.length), (index, byte, length) => {
        const damaged = Buffer.from(whole)
        damaged[index] = byte
        try {
          parseNpy('x', damaged.subarray(0, length))
        } catch (error) {
          assert.ok(isSomaError(error, 'call/invalid-input'), String(error))
        }
      }),
    )
  })
})

describe('inputs', () => {
  const bytes = { name: 'picture', dtype: 'uint8', shape: [-1] } as const
  const number = { name: 'threshold', dtype: 'float64', shape: [], optional: true } as const

  test('of bytes are found from the signature, and asked for when there are two', async () => {
    const path = join(folder, 'picture')
    await writeFile(path, 'abc')
    assert.equal((await fileTensor(path, none, { signature: { inputs: [bytes, number], outputs: [] } })).name, 'picture')
    const sound = { ...bytes, name: 'audio', optional: true }
    const samples = { ...number, name: 'samples', optional: true }
    assert.equal((await fileTensor(path, none, { signature: { inputs: [samples, sound], outputs: [] } })).name, 'audio')
    assert.equal((await fileTensor(path, none, { signature: null })).name, 'image')
    await assert.rejects(
      fileTensor(path, none, { signature: { inputs: [bytes, { ...bytes, name: 'mask' }], outputs: [] } }),
      /takes picture, mask/,
    )
  })

  test('written as JSON have the shape of their lists and the dtype of the signature', async () => {
    const write = async (text: string): Promise<unknown> => await writtenTensor(text, none, { inputs: [number], outputs: [] })
    assert.deepEqual(await write('threshold=0.5'), { name: 'threshold', dtype: 'float64', shape: [], values: [0.5] })
    assert.deepEqual(await write('x=[[1,2,3],[4,5,6]]'), { name: 'x', dtype: 'float32', shape: [2, 3], values: [1, 2, 3, 4, 5, 6] })
    assert.deepEqual(await write('x=["a","b"]'), { name: 'x', dtype: 'string', shape: [2], values: ['a', 'b'] })
    assert.deepEqual(await write('x=true'), { name: 'x', dtype: 'bool', shape: [], values: [true] })
    assert.deepEqual(await write('x=[]'), { name: 'x', dtype: 'bool', shape: [0], values: [] })
    for (const text of ['x=[[1],[2,3]]', 'x=[1,[2]]', 'x=[[1],2]', 'x={"a":1}', 'x=null'])
      await assert.rejects(write(text), /not all of the same length/)
  })
})
