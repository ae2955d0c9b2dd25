import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isSomaError } from '@soma/core'
import { KnowledgeSchema } from '@soma/spec'
import {
  llamaGguf,
  tinySafetensors,
  writeGguf,
  writeSafetensors,
  writeSavedModel,
  writeTflite,
  writeTorch,
  writeZip,
} from '@soma/testkit/formats'
import { arithmeticModel, externalDataModel } from '@soma/testkit/onnx'
import { bytesReader } from '../reader.ts'
import type { PackageSources, UnderstandOptions, Understanding } from './types.ts'
import { understand } from './understand.ts'

type Files = Readonly<Record<string, Uint8Array | string>>

function packageOf(files: Files): PackageSources {
  return new Map(
    Object.entries(files).map(([path, content]) => {
      const bytes = Buffer.from(content)
      const open = async (): Promise<ReturnType<typeof bytesReader> & AsyncDisposable> =>
        Object.assign(bytesReader(path, bytes), { [Symbol.asyncDispose]: async () => undefined })
      return [path, { sizeBytes: bytes.byteLength, open }]
    }),
  )
}

async function read(files: Files, options: UnderstandOptions = {}): Promise<Understanding> {
  const found = await understand(packageOf(files), options)
  KnowledgeSchema.parse(found.knowledge)
  return found
}

async function refusal(
  files: Files,
  options: UnderstandOptions = {},
): Promise<{ readonly code: string; readonly details: Readonly<Record<string, unknown>> }> {
  try {
    await read(files, options)
  } catch (error) {
    assert.ok(isSomaError(error), String(error))
    return error
  }
  throw assert.fail('it was taken')
}

const tensors = (name: string): Uint8Array =>
  writeSafetensors({ tensors: [{ name, dtype: 'F16', shape: [2, 3], data: new Uint8Array(12) }] })
const index = (files: readonly string[]): string =>
  JSON.stringify({ metadata: {}, weight_map: Object.fromEntries(files.map((file, at) => [`t${at}`, file])) })
const evil = Buffer.from("cos\nsystem\n(S'id'\ntR.", 'latin1')
const checkpoint = writeTorch([{ name: 'w', shape: [2, 3] }])
const bert = JSON.stringify({ architectures: ['BertForMaskedLM'], model_type: 'bert', max_position_embeddings: 512 })
const card = '---\nlicense: apache-2.0\nlanguage: en\npipeline_tag: fill-mask\nlibrary_name: transformers\n---\n\nA model of English.\n'

describe('understanding a package', () => {
  it('reads a GGUF: architecture, quantisation, context, template, licence, and memory by length of context', async () => {
    const { format, roles, knowledge } = await read({ 'tiny.Q4_K_M.gguf': llamaGguf(), 'README.md': card })
    assert.deepEqual([format, roles], ['gguf', { model: 'tiny.Q4_K_M.gguf' }])
    const { architecture, quantisation, contextLength, tokenizer, chatTemplate, licence, tasks, framework, summary } = knowledge
    assert.deepEqual(
      { architecture, quantisation, contextLength, tokenizer, chatTemplate, licence, framework, summary },
      {
        architecture: 'llama',
        quantisation: 'Q4_K_M',
        contextLength: 512,
        tokenizer: 'llama',
        chatTemplate: '{{ messages }}',
        licence: 'Apache-2.0',
        framework: 'llama.cpp',
        summary: 'A model of English.',
      },
    )
    assert.deepEqual(tasks, ['text-generation', 'fill-mask'])
    // Weights of 1,522 bytes and a tenth; 512 tokens × 2 layers × 4 heads × (32 + 32) × 2 bytes.
    assert.deepEqual(knowledge.requirements.memory, [{ contextLength: 512, bytes: Math.ceil(1522 * 1.1) + 512 * 2 * 4 * 64 * 2 }])
  })

  it('takes the safe one of the same weights in several formats, and its configurations', async () => {
    const files = {
      'model.safetensors': tinySafetensors(),
      'pytorch_model.bin': checkpoint,
      'config.json': bert,
      'tokenizer_config.json': '{"tokenizer_class":"BertTokenizer"}',
      'README.md': card,
      LICENSE:
        'MIT: Permission is hereby granted, free of charge, to any person obtaining a copy; the above copyright notice and this permission notice',
    }
    const { format, roles, core, knowledge } = await read(files)
    assert.deepEqual([format, roles, [...core]], ['safetensors', { model: 'model.safetensors' }, ['model.safetensors']])
    const { framework, architecture, parameters, dtypes, contextLength, tokenizer, tasks, licence, languages } = knowledge
    assert.deepEqual([framework, architecture, parameters, dtypes], ['pytorch', 'bert', 16, ['F16', 'F32']])
    assert.deepEqual([contextLength, tokenizer, tasks, languages], [512, 'BertTokenizer', ['fill-mask'], ['en']])
    // The text of the licence counts for more than what the card says.
    assert.equal(licence, 'MIT')
    const { format: other } = await read(files, { stated: { format: 'pytorch' } })
    assert.equal(other, 'pytorch')
  })

  it('keeps all files of a model in several, and holds them against its index', async () => {
    const shards = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors']
    const files = { [shards[0]!]: tensors('t0'), [shards[1]!]: tensors('t1'), 'model.safetensors.index.json': index(shards) }
    const { roles, core, knowledge } = await read(files)
    assert.deepEqual([roles, [...core].toSorted()], [{ model: shards[0] }, [...shards, 'model.safetensors.index.json']])
    assert.equal(knowledge.parameters, 12)
    assert.equal((await refusal({ ...files, [shards[1]!]: tensors('wrong') })).code, 'package/invalid-model')
    const { [shards[1]!]: _lost, ...rest } = files
    assert.deepEqual((await refusal(rest)).details['expected'], 2)
    assert.equal(
      (await refusal({ ...files, 'model.safetensors.index.json': index([...shards, 'model-00003.safetensors']) })).code,
      'package/no-model',
    )
  })

  it('names the candidates where it cannot tell which is the model', async () => {
    const quants = { 'm.Q4_K_M.gguf': llamaGguf(), 'm.Q8_0.gguf': llamaGguf() }
    const error = await refusal(quants)
    assert.deepEqual([error.code, error.details['candidates']], ['package/no-model', ['m.Q4_K_M.gguf', 'm.Q8_0.gguf']])
    assert.equal((await read(quants, { known: { format: 'gguf', roles: { model: 'm.Q8_0.gguf' } } })).knowledge.format, 'gguf')
    assert.deepEqual((await refusal({ 'a.md': 'x', 'weights.bin': new Uint8Array(10) })).details['candidates'], [])
    assert.equal((await refusal({ 'a.safetensors': tensors('a'), 'b.safetensors': tensors('b') })).code, 'package/no-model')
  })

  it('tells projectors and adapters from the model', async () => {
    const text = (value: string) => ({ type: 'string', value }) as const
    const projector = writeGguf({ metadata: [['general.architecture', text('clip')]], tensors: [] })
    const adapter = writeGguf({
      metadata: [
        ['general.type', text('adapter')],
        ['general.architecture', text('llama')],
      ],
      tensors: [],
    })
    const { roles } = await read({ 'm.gguf': llamaGguf(), 'mmproj.gguf': projector, 'lora.gguf': adapter })
    assert.deepEqual(roles, { model: 'm.gguf', projector: 'mmproj.gguf', adapter: 'lora.gguf' })
    assert.deepEqual((await read({ 'adapter_model.safetensors': tensors('a') })).roles, { adapter: 'adapter_model.safetensors' })
  })

  it('gives the parts of pipelines roles by their folders', async () => {
    const diffusion = await read({
      'model_index.json': '{"_class_name":"StableDiffusionPipeline"}',
      'unet/diffusion_pytorch_model.safetensors': tensors('u'),
      'unet/diffusion_pytorch_model.fp16.safetensors': tensors('u'),
      'vae/diffusion_pytorch_model.safetensors': tensors('v'),
      'all-in-one.safetensors': tensors('x'),
    })
    assert.deepEqual(diffusion.roles, { unet: 'unet/diffusion_pytorch_model.safetensors', vae: 'vae/diffusion_pytorch_model.safetensors' })
    assert.deepEqual([diffusion.knowledge.tasks, diffusion.knowledge.architecture], [['text-to-image'], 'StableDiffusionPipeline'])
    const sentences = await read({
      'modules.json': '[]',
      'model.safetensors': tensors('m'),
      '2_Dense/model.safetensors': tensors('d'),
      'config.json': '{"architectures":["BertModel"]}',
    })
    assert.deepEqual(sentences.roles, { model: 'model.safetensors', '2_Dense': '2_Dense/model.safetensors' })
    assert.deepEqual(sentences.knowledge.tasks, ['sentence-similarity', 'feature-extraction'])
    const seq2seq = await read({ 'onnx/encoder_model.onnx': arithmeticModel(), 'onnx/decoder_model.onnx': arithmeticModel() })
    assert.deepEqual(seq2seq.roles, { encoder: 'onnx/encoder_model.onnx', decoder: 'onnx/decoder_model.onnx' })
  })

  it('reads ONNX: operator sets, signature, weights elsewhere', async () => {
    const { model, data } = externalDataModel('w.bin', [1, 2, 3, 4])
    const { core, signature, knowledge } = await read({ 'onnx/model.onnx': model, 'onnx/w.bin': data })
    assert.deepEqual([...core], ['onnx/model.onnx', 'onnx/w.bin'])
    assert.ok(signature && signature.inputs.length > 0)
    assert.ok(Object.keys(knowledge.opsets ?? {}).includes(''))
    assert.equal((await refusal({ 'model.onnx': model })).code, 'package/no-model')
  })

  it('reads SavedModels with their variables, TensorFlow Lite, Keras and checkpoints', async () => {
    const saved = await read({
      'm/saved_model.pb': writeSavedModel({ operations: ['PyFunc'] }),
      'm/variables/variables.index': 'x',
      'm/other': 'x',
    })
    assert.deepEqual([saved.format, [...saved.core]], ['saved-model', ['m/saved_model.pb', 'm/variables/variables.index']])
    assert.match(saved.knowledge.warnings.join(), /PyFunc/)
    const lite = await read({ 'm.tflite': writeTflite([{ name: 'x', type: 0, shape: [1] }], { inputs: [0], outputs: [0] }) })
    assert.equal(lite.signature?.inputs[0]?.name, 'x')
    const keras = await read({
      'm.keras': writeZip([{ name: 'config.json', bytes: '{"class_name":"Sequential","config":{"layers":[{"class_name":"Lambda"}]}}' }]),
    })
    assert.match(keras.knowledge.warnings.join(), /Lambda/)
    const torch = await read({ 'weights.pth': checkpoint })
    assert.deepEqual([torch.format, torch.knowledge.parameters], ['pytorch', 6])
    assert.equal((await read({ 'm.h5': Buffer.from('\x89HDF\r\n\x1a\nrest', 'latin1') })).format, 'keras')
    assert.equal((await read({ 'm.xml': '<net/>', 'm.bin': 'x' })).format, 'openvino')
  })

  it('takes the word of others for a format that only an engine knows, but not against the file', async () => {
    const known = await read(
      { 'a_det.onnx': arithmeticModel(), 'keys.txt': 'x' },
      { known: { format: 'paddleocr-onnx', roles: { detection: 'a_det.onnx' } } },
    )
    assert.deepEqual([known.format, known.signature], ['paddleocr-onnx', null])
    const lie = await read({ 'm.onnx': arithmeticModel() }, { known: { format: 'gguf', roles: { model: 'm.onnx' } } })
    assert.equal(lie.format, 'onnx')
    assert.match(lie.knowledge.warnings.join(), /said to be gguf; m\.onnx is onnx/)
  })

  it('scans every pickle that is kept, and none that is not', async () => {
    const files = { 'model.safetensors': tensors('a'), 'extra.pkl': evil }
    const error = await refusal(files)
    assert.deepEqual([error.code, error.details['path']], ['package/unsafe-pickle', 'extra.pkl'])
    assert.equal((await read(files, { keep: (core) => core })).format, 'safetensors')
    const allowed = await read(files, { allowUnsafe: true })
    assert.equal(allowed.unsafe.length, 1)
    assert.match(allowed.knowledge.warnings.join(), /os\.system/)
    assert.equal((await refusal({ 'pytorch_model.bin': evil })).code, 'package/unsafe-pickle')
    assert.equal((await refusal({ 'pytorch_model.bin': writeTorch([], { pickle: evil }) })).code, 'package/unsafe-pickle')
  })

  it('scans pickles whatever they are called', async () => {
    const binary = Buffer.from(`\x80\x02cos\nsystem\n)R.`, 'latin1')
    for (const hidden of [binary, writeTorch([], { pickle: evil })])
      assert.equal((await refusal({ 'm.onnx': arithmeticModel(), 'vocab.txt': hidden })).code, 'package/unsafe-pickle')
    assert.equal((await refusal({ 'm.xml': '<net/>', 'm.bin': evil })).code, 'package/unsafe-pickle')
    const known = { format: 'pytorch', roles: { model: 'weights' } }
    assert.equal((await refusal({ weights: evil }, { known })).code, 'package/unsafe-pickle')
    // Weights of any name are just bytes, even if they begin as a pickle does.
    await read({ 'm.onnx': arithmeticModel(), onnx__MatMul_1: Buffer.from([0x80, 2, 0, 0, 0]) })
  })

  it('tells who scanned what, and warns of what should be known', async () => {
    const scanned: string[] = []
    const { knowledge } = await read(
      { 'model.safetensors': tensors('a'), 'tokenizer_config.json': '{', 'config.json': '{"auto_map":{"AutoModel":"modeling.M"}}' },
      { onScan: (path, format) => scanned.push(`${path} ${format}`) },
    )
    assert.deepEqual(scanned, ['model.safetensors safetensors'])
    assert.match(knowledge.warnings.join('\n'), /tokenizer_config\.json is cut short[\s\S]*modeling\.py/)
    assert.match((await read({ 'model.safetensors': tensors('a') })).knowledge.warnings.join(), /No config\.json/)
  })

  it('uses what others say only where the files are silent', async () => {
    const stated = { task: 'text-classification', licence: 'cc-by-4.0', framework: 'jax' }
    const silent = await read({ 'a.safetensors': tensors('a') }, { stated })
    assert.deepEqual(
      [silent.knowledge.tasks, silent.knowledge.licence, silent.knowledge.framework],
      [['text-classification'], 'CC-BY-4.0', 'jax'],
    )
    const { knowledge } = await read({ 'model.safetensors': tinySafetensors(), 'config.json': bert, 'README.md': card }, { stated })
    assert.deepEqual(
      [knowledge.tasks, knowledge.licence, knowledge.framework],
      [['fill-mask', 'text-classification'], 'Apache-2.0', 'pytorch'],
    )
  })

  it('believes the card where it says what one of a general class was trained for', async () => {
    const tasksOf = async (architecture: string, task: string): Promise<readonly string[]> => {
      const config = JSON.stringify({ architectures: [architecture] })
      const { knowledge } = await read({
        'model.safetensors': tinySafetensors(),
        'config.json': config,
        'README.md': `---\npipeline_tag: ${task}\n---\n`,
      })
      return knowledge.tasks
    }
    assert.deepEqual(await tasksOf('T5ForConditionalGeneration', 'translation'), ['translation', 'text2text-generation'])
    assert.deepEqual(await tasksOf('BertForSequenceClassification', 'text-ranking'), ['text-ranking', 'text-classification'])
    assert.deepEqual(await tasksOf('BertForSequenceClassification', 'translation'), ['text-classification', 'translation'])
  })

  it('takes the licence of whoever says one', async () => {
    const stated = { licence: 'gpl-3.0' }
    const card = '---\nlicense: unknown\n---\n'
    const { knowledge } = await read({ 'model.safetensors': tinySafetensors(), 'README.md': card }, { stated })
    assert.equal(knowledge.licence, 'GPL-3.0-only')
  })

  it('ends when its signal is aborted', async () => {
    const options = { signal: AbortSignal.abort(new Error('enough')) }
    await assert.rejects(understand(packageOf({ 'm.gguf': llamaGguf() }), options))
  })
})
