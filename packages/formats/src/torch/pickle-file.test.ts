import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { deflateSync, gzipSync } from 'node:zlib'
import { isSomaError } from '@soma/core'
import { stateDictPickle, writeLegacyTorch, writeTorch, writeZip } from '@soma/testkit/formats'
import { bytesReader } from '../reader.ts'
import { inspectPickleFile } from './pickle-file.ts'
import type { PickleFile } from './types.ts'

const tensors = [
  { name: 'w', shape: [2, 3] },
  { name: 'tied', shape: [3, 2], key: '0' },
  { name: 'half', shape: [4], storage: 'HalfStorage' },
]
const evil = Buffer.from("cos\nsystem\n(S'id'\ntR.", 'latin1')

function inspect(bytes: Uint8Array, name = 'model.pt', allowUnsafe = false): Promise<PickleFile> {
  return inspectPickleFile(bytesReader(name, bytes), { allowUnsafe })
}

async function assertRefused(
  bytes: Uint8Array,
  options: { readonly name?: string; readonly code?: string; readonly at?: string } = {},
): Promise<void> {
  const { name = 'model.pt', code = 'package/unsafe-pickle', at = name } = options
  await assert.rejects(inspect(bytes, name), (error) => isSomaError(error) && error.code === code && error.details['path'] === at)
}

describe('a checkpoint', () => {
  it('tells its parameters and element types, each storage counted once', async () => {
    const { kind, parameters, dtypes, findings } = await inspect(writeTorch(tensors))
    assert.deepEqual(
      [kind, parameters, [...dtypes], findings],
      [
        'pytorch',
        10,
        [
          ['F32', 24],
          ['F16', 8],
        ],
        [],
      ],
    )
  })

  it('is read in the form from before PyTorch 1.6, too', async () => {
    const legacy = writeLegacyTorch([tensors[0]!, tensors[2]!])
    const { kind, parameters } = await inspect(legacy, 'pytorch_model.bin')
    assert.deepEqual([kind, parameters], ['pytorch', 10])
    await assertRefused(legacy.subarray(0, -1), { code: 'package/invalid-model' })
    await assertRefused(writeLegacyTorch([], evil))
  })

  it('is told from TorchScript and exported programs by what is in the archive', async () => {
    const script = writeTorch(tensors, {
      entries: [
        { name: 'archive/constants.pkl', bytes: ').' },
        { name: 'archive/code/m.py', bytes: 'pass' },
      ],
    })
    assert.equal((await inspect(script)).kind, 'torchscript')
    const exported = writeTorch(tensors, { entries: [{ name: 'archive/archive_format', bytes: 'pt2' }] })
    assert.equal((await inspect(exported, 'm.pt2')).kind, 'exported-program')
  })

  it('may name the classes of its own code when it is TorchScript, and only then', async () => {
    const pickle = Buffer.from('\x80\x02c__torch__.net\nNet\n)\x81}b.', 'latin1')
    const entries = [{ name: 'archive/constants.pkl', bytes: ').' }]
    assert.equal((await inspect(writeTorch([], { pickle, entries }))).kind, 'torchscript')
    await assertRefused(writeTorch([], { pickle }), { at: 'model.pt:archive/data.pkl' })
    await assertRefused(writeTorch([], { pickle: evil, entries }), { at: 'model.pt:archive/data.pkl' })
  })

  it('is refused for a pickle anywhere in the archive, deflated or nested', async () => {
    await assertRefused(writeTorch(tensors, { pickle: evil }), { at: 'model.pt:archive/data.pkl' })
    for (const name of ['extra/x.pkl', 'X.PKL', 'deep/er/optimizer.bin'])
      await assertRefused(writeTorch(tensors, { entries: [{ name, bytes: evil, deflate: true }] }), { at: `model.pt:${name}` })
    const inner = { name: 'weights.pt', bytes: writeTorch(tensors, { pickle: evil }) }
    await assertRefused(writeTorch(tensors, { entries: [inner] }), { at: 'model.pt:weights.pt:archive/data.pkl' })
  })

  it('is refused for tensors that are not there, and for archives too deep', async () => {
    const data = { name: 'archive/data.pkl', bytes: stateDictPickle(tensors) }
    const short = [data, { name: 'archive/data/0', bytes: new Uint8Array(23) }, { name: 'archive/data/2', bytes: new Uint8Array(8) }]
    await assertRefused(writeZip(short), { code: 'package/invalid-model', at: 'model.pt:archive/data.pkl' })
    await assertRefused(writeZip(short.slice(0, 1)), { code: 'package/invalid-model', at: 'model.pt:archive/data.pkl' })
    let nested = writeTorch(tensors)
    for (let depth = 0; depth < 4; depth++) nested = writeZip([{ name: 'm.pt', bytes: nested }])
    await assert.rejects(inspect(nested), (error) => isSomaError(error, 'package/invalid-model'))
  })

  it('keeps what unsafe files would do, when they are allowed', async () => {
    const { kind, findings } = await inspect(writeTorch(tensors, { pickle: evil }), 'model.pt', true)
    assert.deepEqual([kind, findings.map(({ global }) => global)], ['pytorch', ['os.system']])
  })
})

describe('other files that are unpickled', () => {
  const npy = (descr: string, data: Uint8Array | string, shape = '(2,)'): Uint8Array => {
    const header = `{'descr': ${descr}, 'fortran_order': False, 'shape': ${shape}, }\n`
    const head = Buffer.from('\x93NUMPY\x01\x00\0\0', 'latin1')
    head.writeUInt16LE(header.length, 8)
    return Buffer.concat([head, Buffer.from(header), Buffer.from(data)])
  }

  it('are arrays of numpy, whose numbers are bytes and whose objects are a pickle', async () => {
    assert.equal((await inspect(npy("'<f8'", new Uint8Array(16)), 'a.npy')).kind, 'numpy')
    assert.equal((await inspect(npy("'<U3'", new Uint8Array(24)), 'a.npy')).kind, 'numpy')
    assert.equal((await inspect(npy("'|O'", 'N.'), 'a.npy')).kind, 'numpy')
    assert.equal((await inspect(npy("[('x', '<i4')]", new Uint8Array(8)), 'a.npy')).kind, 'numpy')
    assert.equal((await inspect(writeZip([{ name: 'a.npy', bytes: npy("'<i2'", 'abcd') }]), 'a.npz')).kind, 'numpy')
    await assertRefused(npy("'<f8'", new Uint8Array(15)), { name: 'a.npy', code: 'package/invalid-model' })
    for (const descr of ["'|O'", "'O'", "[('x', 'O')]", "'<f8', 'descr': '|O'"]) await assertRefused(npy(descr, evil), { name: 'a.npy' })
    await assertRefused(writeZip([{ name: 'a.npy', bytes: npy("'|O'", evil) }]), { name: 'a.npz', at: 'a.npz:a.npy' })
  })

  it('are refused when nobody can look into them', async () => {
    for (const bytes of [gzipSync(evil), deflateSync(evil), Buffer.concat([Buffer.from('BZh9'), evil])])
      await assertRefused(bytes, { name: 'm.joblib' })
    const tar = Buffer.alloc(512)
    tar.write('ustar', 257, 'latin1')
    await assertRefused(tar)
    assert.equal((await inspect(tar, 'm.pt', true)).findings.length, 1)
  })

  it('are just bytes when they are called .bin and are no pickle', async () => {
    assert.equal((await inspect(new Uint8Array(100), 'weights.bin')).kind, 'raw')
    assert.equal((await inspect(Buffer.from('N.'), 'weights.bin')).kind, 'pickle')
    await assertRefused(evil, { name: 'weights.bin' })
    await assertRefused(new Uint8Array(100), { name: 'weights.pkl', code: 'package/invalid-model' })
  })
})
