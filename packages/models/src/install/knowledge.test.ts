import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isSomaError } from '@soma/core'
import { llamaGguf, tinySafetensors, writeTorch } from '@soma/testkit/formats'
import { arithmeticModel } from '@soma/testkit/onnx'
import { TestInstall, codeOf } from './test-install.ts'

const evil = Buffer.from("cos\nsystem\n(S'id'\ntR.", 'latin1')
const checkpoint = writeTorch([{ name: 'w', shape: [2, 3] }])
const card = '---\nlicense: apache-2.0\npipeline_tag: fill-mask\n---\n\nA model of English.\n'
const bert = JSON.stringify({ architectures: ['BertForMaskedLM'], model_type: 'bert', max_position_embeddings: 512 })

describe('what an install learns from the files', () => {
  it('is kept with the model and in its manifest', async () => {
    await using test = await TestInstall.create()
    test.source.serve('tiny', { 'tiny.gguf': llamaGguf() }, { licence: 'mit' })
    const { events } = await test.install('test/tiny')
    const { knowledge, manifest, licence, task } = test.registry.get('tiny')
    // The file says apache-2.0, and counts for more than what the source says.
    assert.deepEqual([licence, task, knowledge?.architecture, knowledge?.contextLength], ['Apache-2.0', 'text-generation', 'llama', 512])
    assert.deepEqual(manifest.spec.tasks, ['text-generation'])
    assert.deepEqual(manifest.spec.framework, { name: 'llama.cpp' })
    assert.deepEqual(Object.keys(manifest.spec.requirements ?? {}), ['storage', 'compute'])
    assert.ok(events.some((event) => event.type === 'scan' && event.path === 'tiny.gguf' && event.format === 'gguf'))
  })

  it('does not overwrite what the manifest says', async () => {
    await using test = await TestInstall.create()
    const text = `apiVersion: axon.mlos.io/v1
kind: Model
metadata: {name: m, version: "1", license: Proprietary}
spec:
  framework: {name: PyTorch, version: "2.0.0"}
  format: {type: onnx, files: [{path: m.onnx}]}
  requirements: {compute: {cpu: {min_cores: 2}, memory: {min_gb: 7}}}
  tasks: [image-classification]
`
    test.source.serve('m', { 'manifest.yaml': text, 'm.onnx': arithmeticModel() }, { licence: 'MIT', task: 'fill-mask' })
    await test.install('test/m')
    const { manifest, licence, task, knowledge } = test.registry.get('m')
    assert.deepEqual([licence, task], ['Proprietary', 'image-classification'])
    assert.deepEqual(manifest.spec.framework, { name: 'PyTorch', version: '2.0.0' })
    assert.deepEqual(manifest.spec.requirements?.['compute'], { memory: { min_gb: 7 }, cpu: { min_cores: 2 } })
    assert.deepEqual(manifest.spec.tasks, ['image-classification'])
    assert.equal(knowledge?.format, 'onnx')
  })
})

describe('a package that no engine here loads', () => {
  it('is installed all the same, and says so', async () => {
    await using test = await TestInstall.create()
    test.source.serve('bert', {
      'model.safetensors': tinySafetensors(),
      'pytorch_model.bin': checkpoint,
      'tf_model.h5': 'x',
      'training_args.bin': evil,
      'config.json': bert,
      'tokenizer.json': '{"model":{"type":"WordPiece"}}',
      'vocab.txt': 'a',
      'pytorch_model.bin.index.json': '{}',
      'README.md': card,
    })
    const { output, events } = await test.install('test/bert')
    assert.deepEqual([output.model.engine, output.model.format, output.model.task], [null, 'safetensors', 'fill-mask'])
    const { files, knowledge, licence } = test.registry.get('bert')
    assert.deepEqual(
      files.map(({ path }) => path),
      ['README.md', 'config.json', 'model.safetensors', 'tokenizer.json', 'vocab.txt'],
    )
    assert.deepEqual([licence, knowledge?.summary, knowledge?.tokenizer], ['Apache-2.0', 'A model of English.', 'WordPiece'])
    assert.ok(events.some((event) => event.type === 'warning' && /No engine here loads safetensors/.test(event.message)))
    assert.ok(!test.source.requests.some(({ key }) => key.includes('training_args')), 'what training left is not fetched')
  })

  it('gives what include names instead, of the same weights in another format', async () => {
    await using test = await TestInstall.create()
    test.source.serve('bert', { 'model.safetensors': tinySafetensors(), 'pytorch_model.bin': checkpoint, 'config.json': bert })
    await test.install('test/bert', { include: ['pytorch_model.bin', '*.json'] })
    const { format, files } = test.registry.get('bert')
    assert.deepEqual([format, files.map(({ path }) => path)], ['pytorch', ['config.json', 'pytorch_model.bin']])
  })

  it('is installed when its manifest asks for an engine that is not here', async () => {
    await using test = await TestInstall.create()
    const text =
      'apiVersion: v1\nkind: Model\nmetadata: {name: m}\nspec:\n  format: {type: onnx, files: [{path: m.onnx}]}\n  engine: {id: missing}\n'
    test.source.serve('m', { 'manifest.yaml': text, 'm.onnx': arithmeticModel() })
    const { output } = await test.install('test/m')
    assert.equal(output.model.engine, null)
    assert.equal(test.registry.get('m').manifest.spec.engine?.id, 'missing')
  })

  it('is what its file is when its manifest is wrong about the format', async () => {
    await using test = await TestInstall.create()
    const text = 'apiVersion: v1\nkind: Model\nmetadata: {name: m}\nspec:\n  format: {type: gguf, files: [{path: m.onnx}]}\n'
    test.source.serve('m', { 'manifest.yaml': text, 'm.onnx': arithmeticModel() })
    const { output, events } = await test.install('test/m')
    assert.deepEqual([output.model.format, output.model.engine], ['onnx', 'onnx'])
    assert.ok(events.some((event) => event.type === 'warning' && /said to be gguf/.test(event.message)))
  })
})

describe('an unsafe pickle', () => {
  it('refuses the install, naming file, call and offset, and leaves nothing', async () => {
    await using test = await TestInstall.create()
    test.source.serve('bad', { 'pytorch_model.bin': writeTorch([], { pickle: evil }), 'config.json': bert })
    await assert.rejects(
      test.install('test/bad'),
      (error) => isSomaError(error, 'package/unsafe-pickle') && error.message.includes('os.system') && error.details['offset'] === 0,
    )
    assert.deepEqual(await test.leftovers(), { blobs: 0, partials: 0, temporary: 0, layouts: 0 })
  })

  it('is installed when that is allowed, with a warning that stays', async () => {
    await using test = await TestInstall.create()
    test.source.serve('bad', { 'pytorch_model.bin': evil, 'config.json': bert })
    const { events } = await test.install('test/bad', { allowUnsafe: true })
    assert.ok(events.some((event) => event.type === 'warning' && /os\.system/.test(event.message)))
    const { knowledge, manifest } = test.registry.get('bad')
    assert.match(knowledge?.warnings.join() ?? '', /os\.system/)
    assert.equal(manifest.spec.source?.['unsafe'], true)
  })

  it('refuses the install also where a manifest lists it, and where include names it', async () => {
    await using test = await TestInstall.create()
    const text =
      'apiVersion: v1\nkind: Model\nmetadata: {name: m}\nspec:\n  format: {type: onnx, execution_file: m.onnx, files: [{path: m.onnx}, {path: x.pkl}]}\n'
    test.source.serve('listed', { 'manifest.yaml': text, 'm.onnx': arithmeticModel(), 'x.pkl': evil })
    assert.equal(await codeOf(test.install('test/listed')), 'package/unsafe-pickle')
    test.source.serve('named', { 'm.onnx': arithmeticModel(), 'x.pkl': evil })
    assert.equal(await codeOf(test.install('test/named', { include: ['**'] })), 'package/unsafe-pickle')
    assert.equal(await codeOf(test.install('test/named')), 'none')
  })
})

describe('a licence that the policy refuses', () => {
  it('refuses the install, and leaves nothing', async () => {
    await using test = await TestInstall.create()
    test.licencesRefused = ['apache-*']
    test.source.serve('m', { 'm.gguf': llamaGguf() })
    await assert.rejects(
      test.install('test/m'),
      (error) => isSomaError(error, 'package/licence-refused') && error.details['licence'] === 'Apache-2.0',
    )
    assert.deepEqual(await test.leftovers(), { blobs: 0, partials: 0, temporary: 0, layouts: 0 })
    test.licencesRefused = ['*-NC-*']
    assert.equal(await codeOf(test.install('test/m')), 'none')
  })

  it('refuses it however the manifest spells it', async () => {
    await using test = await TestInstall.create()
    const text =
      'apiVersion: v1\nkind: Model\nmetadata: {name: m, license: gpl-3.0}\nspec:\n  format: {type: onnx, files: [{path: m.onnx}]}\n'
    test.source.serve('m', { 'manifest.yaml': text, 'm.onnx': arithmeticModel() })
    test.licencesRefused = ['GPL-3.0-only']
    assert.equal(await codeOf(test.install('test/m')), 'package/licence-refused')
  })

  it('refuses it before the first byte when the source says it, but leaves what is installed', async () => {
    await using test = await TestInstall.create()
    test.source.serve('nc', { 'm.onnx': arithmeticModel() }, { licence: 'cc-by-nc-4.0' })
    test.licencesRefused = ['*-NC-*']
    assert.equal(await codeOf(test.install('test/nc')), 'package/licence-refused')
    assert.equal(test.source.requests.length, 0)
    test.licencesRefused = []
    await test.install('test/nc')
    assert.equal(test.registry.get('nc').licence, 'CC-BY-NC-4.0')
    test.licencesRefused = ['*-NC-*']
    assert.equal((await test.install('test/nc')).output.alreadyInstalled, true)
  })
})
