import { type EngineDescriptor, SMI_VERSION } from '@soma/spec'
import { engineOptions, taskNames } from './options.ts'

const tokenizer = '**/tokenizer.json'
/** The only one, or of several precisions the one that loses nothing. */
const models = ['**/*.onnx', '**/model.onnx', '**/onnx/model_quantized.onnx']

/** Runs ONNX exports of Hugging Face models with their tokenizers and preprocessors, from local files only. */
export const descriptor: EngineDescriptor = {
  smiVersion: SMI_VERSION,
  id: 'transformers',
  title: 'ONNX models with a tokenizer (Transformers.js)',
  version: '0.1.0',
  formats: ['onnx'],
  tasks: [...taskNames],
  layouts: [
    { format: 'onnx', files: { encoder: '**/encoder_model.onnx', 'decoder-merged': '**/decoder_model_merged.onnx', tokenizer } },
    ...models.map((model) => ({ format: 'onnx', files: { model, tokenizer } })),
    ...models.map((model) => ({ format: 'onnx', files: { model, preprocessor: '**/preprocessor_config.json' } })),
  ],
  ownSignatures: true,
  options: [...engineOptions],
}
