import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { chooseFiles } from './choose-files.ts'
import { nearestOf } from './nearest.ts'
import { ggufVariant, suffixVariant } from './weights-file.ts'

const GB = 1e9

/** Chooses among files given as `path: size in GB`. */
function choose(
  files: Readonly<Record<string, number>>,
  options: { readonly selector?: string; readonly memory?: number; readonly formats?: string[] } = {},
) {
  const { selector, memory = 16, formats = [] } = options
  const all = Object.entries(files).map(([path, size]) => ({ path, sizeBytes: size * GB }))
  const reference = (wanted?: string): string => (wanted === undefined ? 'hub/model' : `hub/model:${wanted}`)
  const chosen = chooseFiles(all, { memoryBytes: memory * GB, formats, reference, ...(selector !== undefined && { selector }) })
  return { ...chosen, paths: chosen.files.map(({ path }) => path).sort() }
}

const quantised = { 'm-Q2_K.gguf': 3, 'm-IQ4_XS.gguf': 4.1, 'm-Q4_K_M.gguf': 5, 'm-Q8_0.gguf': 9, 'm-BF16.gguf': 15, 'config.json': 0 }

test('of GGUF quantisations the best balanced that fits into 70 % of the memory is chosen', () => {
  const at = (memory: number) => choose(quantised, { memory }).choice?.chosen
  assert.deepEqual([64, 16, 8, 7, 6, 5].map(at), ['Q4_K_M', 'Q4_K_M', 'Q4_K_M', 'IQ4_XS', 'IQ4_XS', 'Q2_K'])
  assert.match(choose(quantised, { memory: 5 }).choice?.reason ?? '', /the largest that fits into 3\.5 GB, 70 %/)
})

test('a format that an engine here loads comes before the others, unless another is named', () => {
  const files = { 'model.safetensors': 4, 'onnx/model.onnx': 4, 'onnx/model_fp16.onnx': 2, 'model-Q4_K_M.gguf': 1, 'config.json': 0 }
  assert.deepEqual(choose(files).paths, ['config.json', 'model.safetensors'])
  const chosen = choose(files, { formats: ['echo', 'onnx'] })
  assert.deepEqual(chosen.paths, ['config.json', 'onnx/model.onnx'])
  assert.deepEqual(choose(files, { formats: ['onnx'], selector: chosen.selector! }).paths, chosen.paths)
  assert.deepEqual(choose(files, { formats: ['onnx'], selector: 'safetensors' }).paths, ['config.json', 'model.safetensors'])
  const two = choose({ 'model.safetensors': 4, 'model.onnx': 4 }, { formats: ['onnx'] })
  assert.equal(two.choice?.reason, 'an engine here loads onnx')
})

test('when none fits, the smallest is chosen, with a warning', () => {
  const { choice, warnings } = choose(quantised, { memory: 2 })
  assert.equal(choice?.chosen, 'Q2_K')
  assert.match(warnings[0] ?? '', /take 3\.0 GB, more than 1\.4 GB/)
})

test('what was chosen can be named, and is then chosen for the same reason on the same machine', () => {
  for (const memory of [2, 5, 16]) {
    const first = choose(quantised, { memory })
    const again = choose(quantised, { memory, selector: first.selector! })
    assert.deepEqual(again, first)
    assert.deepEqual(choose(quantised, { memory: 64, selector: first.selector! }).files, first.files)
  }
  assert.equal(choose(quantised, { selector: 'q8_0' }).choice?.reason, 'it was asked for')
})

test('formats that load without running code come first, and the others can be asked for', () => {
  const all = {
    'model.safetensors': 1,
    'pytorch_model.bin': 1,
    'model.onnx': 1,
    'tf_model.h5': 1,
    'flax_model.msgpack': 1,
    'openvino/x.bin': 1,
    'vocab.txt': 0,
  }
  assert.deepEqual(choose(all).paths, ['model.safetensors', 'vocab.txt'])
  assert.deepEqual(choose(all, { selector: 'onnx' }).paths, ['model.onnx', 'vocab.txt'])
  assert.deepEqual(choose(all, { selector: 'pytorch' }).paths, ['pytorch_model.bin', 'vocab.txt'])
  assert.deepEqual(choose({ 'pytorch_model.bin': 1, 'training_args.bin': 0, 'optimizer.pt': 2 }).paths, ['pytorch_model.bin'])
})

test('duplicates of the model in other shapes are left out', () => {
  const mistral = {
    'consolidated.safetensors': 9,
    'model-00001-of-00002.safetensors': 5,
    'model-00002-of-00002.safetensors': 4,
    'model.safetensors.index.json': 0,
    'original/consolidated.00.pth': 9,
  }
  assert.deepEqual(choose(mistral).paths, [
    'model-00001-of-00002.safetensors',
    'model-00002-of-00002.safetensors',
    'model.safetensors.index.json',
  ])
  assert.deepEqual(choose({ 'consolidated.safetensors': 9 }).paths, ['consolidated.safetensors'])
  const pipeline = {
    'model_index.json': 0,
    'sd_xl.safetensors': 6,
    'unet/model.safetensors': 5,
    'unet/model.fp16.safetensors': 2,
    'scheduler/scheduler_config.json': 0,
  }
  assert.deepEqual(choose(pipeline).paths, ['model_index.json', 'scheduler/scheduler_config.json', 'unet/model.safetensors'])
  assert.deepEqual(choose(pipeline, { selector: 'fp16' }).paths, [
    'model_index.json',
    'scheduler/scheduler_config.json',
    'unet/model.fp16.safetensors',
  ])
})

test('an ONNX variant has its own external data, and plain parts where it has none of its own', () => {
  const parts = { 'onnx/model.onnx': 0, 'onnx/model.onnx_data': 8, 'onnx/model_q4.onnx': 2, 'onnx/embed.onnx': 1, 'config.json': 0 }
  assert.deepEqual(choose(parts).paths, ['config.json', 'onnx/embed.onnx', 'onnx/model.onnx', 'onnx/model.onnx_data'])
  assert.deepEqual(choose(parts, { selector: 'q4' }).paths, ['config.json', 'onnx/embed.onnx', 'onnx/model_q4.onnx'])
  assert.deepEqual(choose(parts, { memory: 10 }).choice?.chosen, 'q4')
  assert.deepEqual(choose(parts, { selector: 'onnx/model.onnx' }).paths, ['config.json', 'onnx/model.onnx', 'onnx/model.onnx_data'])
})

test('weights that are only where others keep duplicates are taken from there', () => {
  const original = { 'original/consolidated.00.pth': 5, 'original/params.json': 0, 'README.md': 0, '.gitattributes': 0 }
  assert.deepEqual(choose(original).paths, ['README.md', 'original/consolidated.00.pth', 'original/params.json'])
})

test('well-known repositories give what their libraries load', () => {
  const zero = (paths: string): Record<string, number> => Object.fromEntries(paths.split(' ').map((path) => [path, 0.1]))
  const bert =
    'LICENSE README.md config.json coreml/fill-mask/float32_model.mlpackage/Data/com.apple.CoreML/model.mlmodel coreml/fill-mask/float32_model.mlpackage/Manifest.json flax_model.msgpack model.onnx model.safetensors pytorch_model.bin rust_model.ot tf_model.h5 tokenizer.json tokenizer_config.json vocab.txt'
  assert.deepEqual(choose(zero(bert)).paths, [
    'LICENSE',
    'README.md',
    'config.json',
    'model.safetensors',
    'tokenizer.json',
    'tokenizer_config.json',
    'vocab.txt',
  ])
  const minilm =
    '1_Pooling/config.json config.json modules.json model.safetensors onnx/model.onnx onnx/model_O3.onnx onnx/model_qint8_avx512_vnni.onnx onnx/model_quint8_avx2.onnx openvino/openvino_model.bin openvino/openvino_model.xml pytorch_model.bin tokenizer.json vocab.txt'
  assert.deepEqual(choose(zero(minilm)).paths, [
    '1_Pooling/config.json',
    'config.json',
    'model.safetensors',
    'modules.json',
    'tokenizer.json',
    'vocab.txt',
  ])
  assert.deepEqual(
    choose(zero(minilm), { selector: 'onnx-quint8_avx2' }).paths.filter((path) => path.startsWith('onnx/')),
    ['onnx/model_quint8_avx2.onnx'],
  )
  const whisper =
    'config.json model.safetensors model.fp32-00001-of-00002.safetensors model.fp32-00002-of-00002.safetensors model.safetensors.index.fp32.json pytorch_model.bin pytorch_model.fp32-00001-of-00002.bin'
  assert.deepEqual(choose(zero(whisper)).paths, ['config.json', 'model.safetensors'])
  const qwen =
    'BF16/Q-BF16-00001-of-00002.gguf BF16/Q-BF16-00002-of-00002.gguf Q-IQ4_NL.gguf Q-Q4_K_M.gguf Q-UD-Q4_K_XL.gguf mmproj-F16.gguf mmproj-F32.gguf imatrix_x.dat config.json'
  assert.deepEqual(choose(zero(qwen)).paths, ['Q-Q4_K_M.gguf', 'config.json', 'mmproj-F16.gguf'])
  assert.deepEqual(choose(zero(qwen), { selector: 'bf16' }).paths.slice(0, 2), [
    'BF16/Q-BF16-00001-of-00002.gguf',
    'BF16/Q-BF16-00002-of-00002.gguf',
  ])
})

test('without known weights everything comes that is not evidently of no use', () => {
  assert.deepEqual(choose({ 'model.nemo': 1, 'README.md': 0, 'logo.png': 0, '.gitattributes': 0 }).paths, ['README.md', 'model.nemo'])
})

test('a selector that fits nothing names what is near, or there', () => {
  assert.throws(() => choose(quantised, { selector: 'Q4_K_X' }), { code: 'source/not-found', message: /did you mean Q4_K_M/ })
  assert.throws(() => choose(quantised, { selector: 'zzzzzzzz' }), /there are Q2_K, IQ4_XS, Q4_K_M/)
  assert.throws(() => choose(quantised, { selector: '*a*a*a*a*a*a' }), { code: 'source/not-found' })
})

test('names of GGUF files give their quantisation, split or not', () => {
  const variant = (name: string) => ggufVariant(name).variant
  assert.deepEqual(
    [
      'a/Qwen3-8B-Q4_K_M.gguf',
      'Q8_0/x-Q8_0-00001-of-00003.gguf',
      'm-UD-IQ2_XXS.gguf',
      'llama.f16.gguf',
      'm.gguf',
      'gpt-oss-mxfp4.gguf',
      'x-fp16.gguf',
    ].map(variant),
    ['Q4_K_M', 'Q8_0', 'UD-IQ2_XXS', 'F16', '', 'MXFP4', 'F16'],
  )
  assert.equal(ggufVariant('Qwen3-8B-Q4_K_M.gguf').slot, 'Qwen3-8B')
})

test('several models in one repository of GGUF files are variants of their own', () => {
  const chosen = choose({ 'small-Q4_0.gguf': 1, 'large-Q4_0.gguf': 20, 'large-Q8_0.gguf': 40 })
  assert.deepEqual(chosen.paths, ['small-Q4_0.gguf'])
  assert.deepEqual(choose({ 'small-Q4_0.gguf': 1, 'large-Q4_0.gguf': 20 }, { selector: 'large-Q4_0' }).paths, ['large-Q4_0.gguf'])
})

test('whatever the files are called, the choice is among them and can be repeated', () => {
  const name = fc.stringMatching(/^[a-z]{1,4}(-Q[2-8]_[0K]|_fp16|\.fp16|-00001-of-00002)?\.(gguf|onnx|onnx_data|safetensors|bin|json|txt)$/)
  const path = fc.tuple(fc.constantFrom('', 'onnx/', 'unet/'), name).map((parts) => parts.join(''))
  fc.assert(
    fc.property(fc.dictionary(path, fc.integer({ min: 0, max: 40 }), { minKeys: 1 }), fc.integer({ min: 1, max: 64 }), (files, memory) => {
      const first = choose(files, { memory })
      assert.equal(new Set(first.paths).size, first.paths.length)
      assert.ok(first.paths.every((one) => one in files))
      if (first.selector !== undefined) assert.deepEqual(choose(files, { memory: 1, selector: first.selector }).paths, first.paths)
    }),
  )
})

test('slots of shards, indexes and external data are those of the whole', () => {
  const slot = (path: string) => suffixVariant(path)
  assert.deepEqual(slot('unet/model.fp16-00001-of-00002.safetensors'), { slot: 'unet/model.safetensors', variant: 'fp16' })
  assert.deepEqual(slot('model.safetensors.index.fp16.json'), { slot: 'model.safetensors', variant: 'fp16' })
  assert.deepEqual(slot('onnx/decoder_model_merged_q4f16.onnx_data_1'), { slot: 'onnx/decoder_model_merged.onnx', variant: 'q4f16' })
})

test('the nearest names are a few letters off, best first', () => {
  assert.deepEqual(nearestOf('q4_k_n', ['Q4_K_M', 'Q4_K_S', 'Q8_0', 'F16']), ['Q4_K_M', 'Q4_K_S'])
  assert.deepEqual(nearestOf('', ['main']), ['main'])
  assert.deepEqual(nearestOf('voi', new Set(['voice', 'x'])), ['voice'])
  assert.deepEqual(nearestOf('completely-different', ['voice']), [])
})
