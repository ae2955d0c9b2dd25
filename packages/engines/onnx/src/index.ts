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
}
