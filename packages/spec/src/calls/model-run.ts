import { z } from 'zod'
import type { Need } from '../capability/v1/capability.ts'
import { GenerateEventSchema, GenerateRequestSchema } from '../smi/v1/generate.ts'
import { SignatureSchema } from '../smi/v1/model.ts'
import { type Tensor, TensorSchema } from '../tensor/tensor.ts'
import { defineCall } from './define-call.ts'
import { readFiles } from './model.ts'
import { ByteCount, ModelName } from './values.ts'

const Timings = z.strictObject({
  /** Waiting for the model's turn. */
  queueMs: z.number(),
  /** Starting the engine and loading; 0 when it was in memory. */
  loadMs: z.number(),
  runMs: z.number(),
})

const runErrors = [
  'model/not-found',
  'model/input-mismatch',
  'model/unreadable-input',
  'model/unsupported',
  'model/load-failed',
  'engine/crashed',
  'engine/not-ready',
  'engine/protocol',
  'engine/failed',
  'package/corrupt',
  'resource/exhausted',
] as const

/** By convention a string input called `path` makes the engine read a file of this machine. */
function namesFile({ name, dtype }: Tensor): boolean {
  return name === 'path' && dtype === 'string'
}

export const modelInfer = defineCall({
  name: 'model.infer',
  summary: 'Run one inference on an installed model, loading it if needed.',
  input: z.strictObject({
    model: ModelName,
    inputs: z.array(TensorSchema).max(1024),
    outputs: z.array(z.string().max(512)).max(1024).optional().describe('Wanted outputs; all when absent'),
  }),
  output: z.strictObject({ outputs: z.array(TensorSchema), timings: Timings }),
  right: ({ model, inputs }) => {
    const invoke: Need = { resource: `model/${model}`, right: 'invoke' }
    return [...inputs].some(namesFile) ? [invoke, readFiles] : invoke
  },
  http: 'POST /v1/models/{model}/infer',
  /** One encoded picture, sound or the like becomes one tensor, uint8[bytes]. */
  raw: {
    parameters: { input: 'Name of the input tensor that the body becomes, as uint8[bytes]; `image` when absent' },
    read: (body, { input = 'image' }) => ({ inputs: [{ name: input, dtype: 'uint8', shape: [body.byteLength], data: body }] }),
  },
  errors: runErrors,
})

export const modelGenerate = defineCall({
  name: 'model.generate',
  summary: 'Generate text with an installed model, piece by piece.',
  input: GenerateRequestSchema.extend({ model: ModelName }),
  events: GenerateEventSchema,
  output: z.strictObject({ text: z.string(), timings: Timings }),
  right: (input) => ({ resource: `model/${input.model}`, right: 'invoke' }),
  http: 'POST /v1/models/{model}/generate',
  errors: runErrors,
})

export const modelLoad = defineCall({
  name: 'model.load',
  summary: 'Load a model into an engine process now.',
  input: z.strictObject({ model: ModelName }),
  output: z.strictObject({ name: ModelName, signature: SignatureSchema, residentBytes: ByteCount, loadMs: z.number() }),
  right: (input) => ({ resource: `model/${input.model}`, right: 'load' }),
  http: 'POST /v1/models/{model}/load',
  errors: [
    'model/not-found',
    'model/unsupported',
    'model/load-failed',
    'engine/crashed',
    'engine/not-ready',
    'engine/protocol',
    'package/corrupt',
    'resource/exhausted',
  ],
})

export const modelUnload = defineCall({
  name: 'model.unload',
  summary: 'Unload a model once its running calls are done; its process ends.',
  input: z.strictObject({ model: ModelName }),
  output: z.strictObject({ name: ModelName, wasLoaded: z.boolean() }),
  right: (input) => ({ resource: `model/${input.model}`, right: 'load' }),
  http: 'POST /v1/models/{model}/unload',
  errors: ['model/not-found'],
})
