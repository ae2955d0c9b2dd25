import assert from 'node:assert/strict'
import { it } from 'node:test'
import { matchPath } from '@soma/spec'
import { descriptor } from './index.ts'

/** As installing does it: the first layout of which every glob fits exactly one file. */
function recognise(...paths: readonly string[]): Readonly<Record<string, string>> | undefined {
  for (const { task, files } of descriptor.layouts) {
    assert.equal(task, undefined, 'configurations say what a model does')
    const found = Object.entries(files).map(([role, glob]) => [role, paths.filter((path) => matchPath(glob, path))] as const)
    if (found.every(([, matches]) => matches.length === 1)) return Object.fromEntries(found.map(([role, [path = '']]) => [role, path]))
  }
  return undefined
}

const beside = ['config.json', 'tokenizer.json', 'tokenizer_config.json', '1_Pooling/config.json']

it('takes packages with a tokenizer or a preprocessor, and leaves bare models to others', () => {
  assert.deepEqual(recognise('onnx/model.onnx', ...beside), { model: 'onnx/model.onnx', tokenizer: 'tokenizer.json' })
  assert.deepEqual(recognise('x/mine.onnx', 'x/tokenizer.json'), { model: 'x/mine.onnx', tokenizer: 'x/tokenizer.json' })
  assert.deepEqual(recognise('onnx/model.onnx', 'config.json', 'preprocessor_config.json'), {
    model: 'onnx/model.onnx',
    preprocessor: 'preprocessor_config.json',
  })
  assert.equal(recognise('model.onnx', 'config.json', 'README.md'), undefined)
})

it('takes of several precisions the one that loses nothing, else the usual one', () => {
  const all = ['onnx/model.onnx', 'onnx/model_fp16.onnx', 'onnx/model_quantized.onnx', 'onnx/model_q4.onnx']
  assert.equal(recognise(...all, ...beside)?.['model'], 'onnx/model.onnx')
  assert.equal(recognise(...all.slice(1), ...beside)?.['model'], 'onnx/model_quantized.onnx')
  assert.equal(recognise('onnx/model_q4.onnx', ...beside)?.['model'], 'onnx/model_q4.onnx')
})

it('takes models in two parts by their names, whatever else was exported', () => {
  const parts = ['encoder_model', 'decoder_model', 'decoder_with_past_model', 'decoder_model_merged'].map((name) => `onnx/${name}.onnx`)
  assert.deepEqual(recognise(...parts, ...beside), {
    encoder: 'onnx/encoder_model.onnx',
    'decoder-merged': 'onnx/decoder_model_merged.onnx',
    tokenizer: 'tokenizer.json',
  })
})
