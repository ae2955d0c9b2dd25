import { z } from 'zod'
import { ConvertEventSchema } from '../smi/v1/convert.ts'
import { defineCall } from './define-call.ts'
import { ByteCount, ModelName } from './values.ts'

export const modelConvert = defineCall({
  name: 'model.convert',
  summary: 'Write an installed model in another format and install that as a model of its own.',
  input: z.strictObject({
    model: ModelName,
    to: z.string().min(1).max(64).describe('Format: `onnx`'),
    name: ModelName.optional().describe('Name of the new model; `<model>-<format>` when absent'),
    settings: z.record(z.string(), z.unknown()).default({}).describe('Of the engine that converts'),
  }),
  events: ConvertEventSchema,
  output: z.strictObject({
    name: ModelName,
    files: z.array(z.strictObject({ path: z.string(), sizeBytes: ByteCount })),
    notes: z.array(z.string()),
  }),
  right: ({ model }) => [
    { resource: `model/${model}`, right: 'read' },
    { resource: 'model/*', right: 'install', any: true },
  ],
  mutates: true,
  http: 'POST /v1/models/{model}/convert',
  errors: [
    'model/not-found',
    'model/unsupported',
    'model/exists',
    'engine/missing',
    'engine/crashed',
    'engine/failed',
    'engine/not-ready',
    'engine/protocol',
    'model/load-failed',
    'config/invalid',
    'resource/exhausted',
    'package/corrupt',
    'store/disk-full',
  ],
})
