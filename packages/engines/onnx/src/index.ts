import { type EngineDescriptor, SMI_VERSION } from '@soma/spec'

/** Runs any ONNX model on raw tensors, with onnxruntime. */
export const descriptor: EngineDescriptor = {
  smiVersion: SMI_VERSION,
  id: 'onnx',
  title: 'ONNX models (onnxruntime)',
  version: '0.1.0',
  formats: ['onnx'],
  tasks: ['tensor-to-tensor'],
  layouts: [{ format: 'onnx', task: 'tensor-to-tensor', files: { model: '**/*.onnx' } }],
  apis: ['cuda', 'directml', 'vulkan', 'metal', 'coreml'],
  options: [
    {
      name: 'batchMax',
      type: 'integer',
      description:
        'Examples of several requests that are run at once; 32 when absent and the graph calls its first dimension a batch, else 1.',
    },
    {
      name: 'batchWindowMs',
      type: 'number',
      default: 0,
      description: 'Waits so long for more requests before a run begins; 0 takes those that came during the run before.',
    },
    {
      name: 'dimensions',
      type: 'numbers-by-name',
      default: {},
      description: 'Sizes for free dimensions, by the names the model gives them: memory is planned ahead then.',
    },
    {
      name: 'graphOptimizations',
      type: 'string',
      values: ['disabled', 'basic', 'extended', 'all'],
      default: 'all',
      description: 'How far the graph is rewritten when it is loaded.',
    },
    { name: 'finite', type: 'strings', default: [], description: 'Inputs in which NaN and infinity are refused.' },
    { name: 'fallback', type: 'boolean', default: false, description: 'Whether the CPU may run it where its device cannot.' },
  ],
}
