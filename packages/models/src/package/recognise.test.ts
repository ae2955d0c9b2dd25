import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isSomaError } from '@soma/core'
import { testEngines } from '../install/test-install.ts'
import { checkFileSet, packageDigest } from './file-set.ts'
import { readManifest } from './manifest.ts'
import { engineFor, noModel, recogniseFiles, recogniseManifest } from './recognise.ts'
import { mayBelongToModel, selectFiles, wantedPaths } from './select.ts'

function filesOf(...paths: string[]): Map<string, { sizeBytes: number }> {
  return new Map(paths.map((path) => [path, { sizeBytes: 10 }]))
}

const ONNX_MANIFEST = `apiVersion: v1
kind: Model
metadata: { name: m, version: '1' }
spec:
  format: { type: onnx, files: [] }
`

describe('recognising a package', () => {
  it('takes the first engine whose layout fits, in the order they come', () => {
    const ocr = filesOf('a_det_x.onnx', 'a_rec_x.onnx', 'keys.txt')
    assert.equal(recogniseFiles(ocr, testEngines)?.engine?.id, 'ocr')
    assert.deepEqual(recogniseFiles(filesOf('deep/M.ONNX', 'x.md'), testEngines)?.roles, { model: 'deep/M.ONNX' })
  })

  it('does not let one file play two roles', () => {
    assert.equal(recogniseFiles(filesOf('a_det_rec_x.onnx', 'b.onnx', 'keys.txt'), testEngines), undefined)
  })

  it('says what looks like a model to an engine, or that nothing does and what the engines load', () => {
    assert.match(noModel(filesOf('b.onnx', 'a.onnx'), testEngines).message, /2 files that could be the model \(a\.onnx, b\.onnx\)/)
    assert.match(noModel(filesOf('a.md'), testEngines).message, /load paddleocr-onnx, onnx, echo/)
  })

  it('takes an engine that loads the format and has a file for every role it asks for', () => {
    const found = (format: string, roles: Record<string, string>): string | undefined => engineFor({ format, roles }, testEngines)?.id
    assert.equal(found('onnx', { model: 'm.onnx' }), 'onnx')
    assert.equal(found('onnx', { encoder: 'e.onnx', decoder: 'd.onnx' }), undefined)
    assert.equal(found('gguf', { model: 'm.gguf' }), undefined)
  })

  describe('that two engines load', () => {
    const onnx = testEngines.find(({ id }) => id === 'onnx')!
    const texts = {
      ...onnx,
      id: 'texts',
      tasks: ['translation'],
      layouts: [{ format: 'onnx', files: { model: '**/*.onnx', tokenizer: '**/tokenizer.json' } }],
    }
    const engines = [texts, onnx]
    const manifest = readManifest(Buffer.from(ONNX_MANIFEST), 'manifest.yaml')

    it('takes the one whose layout fits, and leaves the task to the files where the layout does', () => {
      const { engine, task } = recogniseFiles(filesOf('m.onnx', 'tokenizer.json'), engines) ?? {}
      assert.deepEqual([engine?.id, task], ['texts', null])
      const bare = recogniseFiles(filesOf('m.onnx'), engines)
      assert.deepEqual([bare?.engine?.id, bare?.task], ['onnx', 'tensor-to-tensor'])
    })

    it('does the same where a manifest says only the format', () => {
      const found = (...paths: string[]) => recogniseManifest(manifest, filesOf(...paths), engines)
      assert.deepEqual([found('m.onnx', 'tokenizer.json')?.engine?.id, found('m.onnx', 'tokenizer.json')?.task], ['texts', null])
      assert.deepEqual([found('m.onnx')?.engine?.id, found('m.onnx')?.task], ['onnx', 'tensor-to-tensor'])
      assert.equal(found('a.onnx', 'b.onnx'), undefined)
    })
  })
})

describe('selecting files', () => {
  it('unpacks no code, but weights of any name', () => {
    for (const path of ['setup.py', 'a/index.js', 'lib/x.so', 'node_modules/a/b.json', 'p-1.dist-info/METADATA', 'package.json'])
      assert.equal(mayBelongToModel(path), false, path)
    for (const path of ['onnx__MatMul_1', 'w.bin', 'm.onnx', 'tokenizer.json', 'p-1.dist-info/LICENSE', 'README.md'])
      assert.equal(wantedPaths(undefined)(path), true, path)
    assert.equal(wantedPaths(['*.py'])('setup.py'), true)
    assert.equal(wantedPaths(['*.onnx'])('w.bin'), false)
  })

  it('keeps the model, its configuration and vocabulary in its folder or above, and licences', () => {
    const files = filesOf('onnx/m.onnx', 'onnx/m.json', 'tokenizer.json', 'other/x.json', 'other/LICENSE', 'onnx/deep/x.json', 'stray.bin')
    assert.deepEqual(selectFiles(files, new Set(['onnx/m.onnx'])), ['onnx/m.onnx', 'onnx/m.json', 'tokenizer.json', 'other/LICENSE'])
    const modules = filesOf(
      'onnx/m.onnx',
      'modules.json',
      '1_Pooling/config.json',
      'onnx/2_Dense/config.json',
      'other/1_Pooling/config.json',
    )
    assert.deepEqual(selectFiles(modules, new Set(['onnx/m.onnx'])), [...modules.keys()].slice(0, 4))
    files.set('huge.json', { sizeBytes: 1e9 })
    assert.ok(!selectFiles(files, new Set(['onnx/m.onnx'])).includes('huge.json'))
  })

  it('keeps what include names instead', () => {
    assert.deepEqual(
      selectFiles(filesOf('m.onnx', 'a.json', 'b.bin'), new Set(['m.onnx']), (path) => path === 'b.bin'),
      ['m.onnx', 'b.bin'],
    )
  })
})

describe('a set of files', () => {
  it('is refused when two cannot lie in one folder on every file system', () => {
    for (const paths of [
      ['a', 'a'],
      ['A', 'a'],
      ['a', 'a/b'],
      ['a/b', 'A'],
      ['\u00e9', 'e\u0301'],
    ])
      assert.throws(
        () => checkFileSet(paths),
        (error) => isSomaError(error, 'package/archive-refused'),
      )
    for (const path of ['../a', '/a', ''])
      assert.throws(
        () => checkFileSet([path]),
        (error) => isSomaError(error, 'package/unsafe-path'),
      )
    assert.throws(() => checkFileSet(Array.from({ length: 10_001 }, (_, index) => `f${index}`)))
    checkFileSet(['a/b', 'a/c', 'ab', 'a.b'])
  })

  it('has a digest that does not depend on the order of its files', () => {
    const files = ['b', 'a'].map((path) => ({ path, digest: `sha256:${path.repeat(64)}` as never }))
    assert.equal(packageDigest(files), packageDigest(files.toReversed()))
    assert.notEqual(packageDigest(files), packageDigest(files.slice(1)))
  })
})
