import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isSomaError } from '@soma/core'
import fc from 'fast-check'
import { stringify } from 'yaml'
import { manifestRoles, manifestSignature, readManifest, writeManifest } from './manifest.ts'

/** As Axon writes it: zero sizes, empty hashes, a time, sections we do not read. */
const axon = `apiVersion: v1
kind: Model
metadata:
  name: bert-base-uncased
  namespace: hf
  version: "2.1"
  description: A model
  license: Apache-2.0
  created: 2024-05-01T10:00:00Z
  tags: [nlp]
spec:
  framework:
    name: pytorch
    version: 2.0
  format:
    type: pytorch
    execution_format: onnx
    files:
      - path: model.onnx
        size: 0
        sha256: ""
      - path: tokenizer.json
        size: 12
        sha256: ${'Ab'.repeat(32)}
  io:
    inputs:
      - name: input_ids
        dtype: INT64
        shape: [-1, seq, null, 128]
        preprocessing: {type: tokenization, tokenizer: tokenizer.json, config: {lower: true}}
    outputs:
      - {name: logits, dtype: fp32, shape: [-1, 2]}
      - {name: free, dtype: half}
  requirements:
    compute: {cpu: {min_cores: 2, recommended_cores: 4}, memory: {min_gb: 1.5, recommended_gb: 3}}
  performance: {accuracy: {top1: 0.91}}
distribution:
  package: {url: "https://example.org/x.axon", size: 5, sha256: ""}
  registry: {url: "", namespace: hf}
`

function read(text: string): ReturnType<typeof readManifest> {
  return readManifest(Buffer.from(text))
}

function refusal(text: string): { code: string; message: string; details: Record<string, unknown> } {
  try {
    read(text)
  } catch (error) {
    assert.ok(isSomaError(error), String(error))
    return error
  }
  throw assert.fail('it was read')
}

const minimal = (format: string): string => `apiVersion: v1\nkind: Model\nmetadata:\n  name: m\nspec:\n  format:\n    type: onnx\n${format}`

describe('manifest', () => {
  it('reads what Axon writes, under both of its versions', () => {
    for (const version of ['v1', 'axon.mlos.io/v1']) {
      const manifest = read(axon.replace('apiVersion: v1', `apiVersion: ${version}`))
      assert.equal(manifest.metadata.version, '2.1')
      assert.equal(manifest.spec.framework?.version, '2')
      assert.deepEqual(manifest.spec.format.files[1], { path: 'tokenizer.json', size: 12, sha256: 'ab'.repeat(32) })
    }
  })

  it('keeps keys it does not know', () => {
    const manifest = read(axon)
    assert.deepEqual(manifest.spec['performance'], { accuracy: { top1: 0.91 } })
    assert.deepEqual(manifest.metadata['tags'], ['nlp'])
    assert.deepEqual(manifest.spec.io?.inputs[0]?.['preprocessing'], {
      type: 'tokenization',
      tokenizer: 'tokenizer.json',
      config: { lower: true },
    })
  })

  it('is the same after it was written and read again', () => {
    const manifest = read(axon)
    assert.deepEqual(read(writeManifest(manifest)), manifest)
    const extra = fc.dictionary(
      fc.string({ minLength: 1 }).filter((key) => key !== '__proto__'),
      fc.jsonValue({ maxDepth: 4 }),
      { maxKeys: 5 },
    )
    fc.assert(
      fc.property(extra, (found) => {
        const extra: unknown = JSON.parse(JSON.stringify(found))
        if (JSON.stringify(extra).includes('__proto__')) return
        const with_ = { ...manifest, metadata: { ...manifest.metadata, 'x-extra': extra }, spec: { ...manifest.spec, 'x-extra': extra } }
        assert.deepEqual(read(writeManifest(with_)), with_)
      }),
    )
  })

  it('gives inputs and outputs in our words: one spelling of dtypes, -1 where a size is free', () => {
    assert.deepEqual(manifestSignature(read(axon)), {
      inputs: [{ name: 'input_ids', dtype: 'int64', shape: [-1, -1, -1, 128] }],
      outputs: [
        { name: 'logits', dtype: 'float32', shape: [-1, 2] },
        { name: 'free', dtype: 'float16', shape: null },
      ],
    })
    assert.equal(manifestSignature(read(minimal(''))), null)
  })

  it('reads roles from execution_file, and from execution_files as map and as list', () => {
    assert.deepEqual(manifestRoles(read(minimal('    execution_file: a/m.onnx\n'))), { model: 'a/m.onnx' })
    assert.deepEqual(manifestRoles(read(minimal('    execution_files: {detection: d.onnx, keys: {path: k.txt}}\n'))), {
      detection: 'd.onnx',
      keys: 'k.txt',
    })
    assert.deepEqual(manifestRoles(read(minimal('    execution_files: [a.onnx, {path: b.onnx}]\n'))), {
      model: 'a.onnx',
      model_1: 'b.onnx',
    })
    assert.deepEqual(manifestRoles(read(minimal(''))), {})
  })

  it('names the field, line and column of what is wrong', () => {
    const dtype = refusal(axon.replace('dtype: INT64', 'dtype: float80'))
    assert.equal(dtype.code, 'package/invalid-manifest')
    assert.deepEqual([dtype.details['field'], dtype.details['line'], dtype.details['column']], ['spec.io.inputs.0.dtype', 28, 16])
    assert.match(dtype.message, /manifest\.yaml:28:16: spec\.io\.inputs\.0\.dtype: .*float32/)
    assert.equal(refusal(axon.replace('Ab'.repeat(32), 'zz')).details['field'], 'spec.format.files.1.sha256')
    assert.equal(refusal(axon.replace('kind: Model', 'kind: Deployment')).details['field'], 'kind')
    assert.equal(refusal(axon.replace('apiVersion: v1', 'apiVersion: v7')).details['field'], 'apiVersion')
    assert.equal(refusal(minimal('    execution_files: [{size: 1}]\n')).details['field'], 'spec.format.execution_files.0.path')
    assert.equal(refusal('just a text').details['field'], '')
    assert.equal(refusal('').code, 'package/invalid-manifest')
  })

  it('refuses paths that leave the package, and says where they stand', () => {
    for (const path of ['../x', '/etc/passwd', 'a/../../x', 'C:/x', 'a\\\\b', 'a\\0b']) {
      const files = refusal(minimal(`    files:\n      - path: "${path}"\n`))
      assert.equal(files.code, 'package/unsafe-path')
      assert.deepEqual([files.details['field'], files.details['line']], ['spec.format.files.0.path', 9])
      assert.equal(refusal(minimal(`    execution_file: "${path}"\n`)).code, 'package/unsafe-path')
      assert.equal(refusal(minimal(`    execution_files: {model: "${path}"}\n`)).details['field'], 'spec.format.execution_files.model')
    }
  })

  it('is read or refused with a typed error, whatever the bytes', () => {
    const lines = axon.split('\n')
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(lines.length - 1), fc.string({ maxLength: 20, unit: 'binary' })), { maxLength: 4 }),
        (changes) => {
          const changed = [...lines]
          for (const [line, text] of changes) changed[line] = text
          try {
            read(changed.join('\n'))
          } catch (error) {
            assert.ok(
              isSomaError(error) && (error.code === 'package/invalid-manifest' || error.code === 'package/unsafe-path'),
              String(error),
            )
          }
        },
      ),
    )
  })

  it('writes digests and long texts on one line', () => {
    const manifest = read(axon)
    const text = writeManifest({ ...manifest, metadata: { ...manifest.metadata, description: 'word '.repeat(100) } })
    assert.ok(text.includes('word '.repeat(99)))
    assert.equal(stringify({ a: 'b' }), 'a: b\n')
  })
})
