import { type EngineDescriptor, SMI_VERSION } from '@soma/spec'

/** Runs what Python's frameworks run, in a Python of this machine: PyTorch, and TensorFlow, Keras and JAX where they are installed. */
export const descriptor: EngineDescriptor = {
  smiVersion: SMI_VERSION,
  id: 'python',
  title: 'Python frameworks (PyTorch, Transformers, TensorFlow, Keras, JAX)',
  version: '0.1.0',
  formats: ['torchscript', 'exported-program', 'safetensors', 'pytorch', 'saved-model', 'keras', 'jax-export'],
  tasks: ['tensor-to-tensor', 'text-generation', 'feature-extraction'],
  layouts: [
    { format: 'exported-program', task: 'tensor-to-tensor', files: { model: '**/*.pt2' } },
    { format: 'jax-export', task: 'tensor-to-tensor', files: { model: '**/*.jax_exported' } },
  ],
  apis: ['cuda', 'rocm', 'metal'],
  converts: ['onnx'],
  options: [
    {
      name: 'inputs',
      type: 'strings',
      description: 'Inputs as the model does not say them itself, e.g. "x float32[?, 3, 224, 224]"; ? is a free size',
      default: [],
    },
    { name: 'outputs', type: 'strings', description: 'Names of the outputs, in order; output_0, output_1 … otherwise', default: [] },
    { name: 'finite', type: 'strings', description: 'Inputs in which NaN and infinity are refused', default: [] },
    {
      name: 'precision',
      type: 'string',
      description: 'Type of the weights in memory, of models that are built from a configuration',
      default: 'stored',
      values: ['stored', 'float32', 'float16', 'bfloat16'],
    },
  ],
}
