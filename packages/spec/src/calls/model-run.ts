import { z } from 'zod'
import type { Need } from '../capability/v1/capability.ts'
import { type Priority, PrioritySchema } from '../capability/v1/priority.ts'
import { EmbedResponseSchema, RerankResponseSchema, embedFields, rerankFields } from '../smi/v1/embed.ts'
import {
  GenerateEventSchema,
  GenerateResultSchema,
  ONE_BEGINNING,
  ToolCallSchema,
  generateFields,
  oneBeginning,
} from '../smi/v1/generate.ts'
import { SignatureSchema } from '../smi/v1/model.ts'
import { modelMethods } from '../smi/v1/protocol.ts'
import {
  SegmentSchema,
  SynthesizeEventSchema,
  SynthesizeResultSchema,
  TranscribeEventSchema,
  TranscribeResultSchema,
  synthesizeFields,
  transcribeFields,
} from '../smi/v1/speech.ts'
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
  /** From the beginning of the run to the first piece of the answer; absent where nothing streams. */
  firstMs: z.number().optional(),
  /** The same caller asked the same before, and got this answer then. */
  cached: z.boolean().optional(),
  /** What it ran at, when that is less than it asked for: its capability allows no more. */
  priority: PrioritySchema.optional(),
})

/** What every call of a model may say of its own urgency. */
const urgency = {
  priority: PrioritySchema.optional().describe(
    'Who goes first, `normal` when absent; calls that wait long rise. Lowered to the `priorityMax` of the caller’s capability; `realtime` also needs the right to load the model',
  ),
  deadlineMs: z
    .number()
    .int()
    .positive()
    .max(24 * 3600 * 1000)
    .optional()
    .describe('Give up with `call/timeout` when it has not ended this long after it came'),
} as const
export const urgencyFields = Object.keys(urgency) as ReadonlyArray<keyof typeof urgency>

const runErrors = [
  'model/not-found',
  'model/input-mismatch',
  'model/unreadable-input',
  'model/unsupported',
  'model/load-failed',
  'model/context-overflow',
  'engine/crashed',
  'engine/not-ready',
  'engine/missing',
  'engine/device-lost',
  'engine/protocol',
  'engine/failed',
  'package/corrupt',
  'resource/exhausted',
] as const

/** Going before everybody else is for those who may also say when the model is in memory. */
function invoke({ model, priority }: { readonly model: string; readonly priority?: Priority | undefined }): readonly Need[] {
  const resource = `model/${model}`
  const needs: Need[] = [{ resource, right: 'invoke' }]
  return priority === 'realtime' ? [...needs, { resource, right: 'load' }] : needs
}

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
    ...urgency,
  }),
  output: z.strictObject({ outputs: z.array(TensorSchema), timings: Timings }),
  right: (input) => ([...input.inputs].some(namesFile) ? [...invoke(input), readFiles] : invoke(input)),
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
  summary: 'Generate text with an installed model, from a prompt or a conversation, piece by piece.',
  input: z.strictObject({ model: ModelName, ...generateFields, ...urgency }).refine(oneBeginning, ONE_BEGINNING),
  events: GenerateEventSchema,
  output: GenerateResultSchema.extend({ text: z.string(), toolCalls: z.array(ToolCallSchema), timings: Timings }),
  right: invoke,
  http: 'POST /v1/models/{model}/generate',
  errors: runErrors,
})

export const modelEmbed = defineCall({
  name: 'model.embed',
  summary: 'Turn texts into vectors whose nearness is nearness of meaning.',
  input: z.strictObject({ model: ModelName, ...embedFields, ...urgency }),
  output: EmbedResponseSchema.extend({ timings: Timings }),
  right: invoke,
  http: 'POST /v1/models/{model}/embed',
  errors: runErrors,
})

export const modelRerank = defineCall({
  name: 'model.rerank',
  summary: 'Score how well documents answer a query.',
  input: z.strictObject({ model: ModelName, ...rerankFields, ...urgency }),
  output: RerankResponseSchema.extend({ timings: Timings }),
  right: invoke,
  http: 'POST /v1/models/{model}/rerank',
  errors: runErrors,
})

export const modelTranscribe = defineCall({
  name: 'model.transcribe',
  summary: 'Write down what is said in a recording, stretch by stretch.',
  input: z.strictObject({ model: ModelName, ...transcribeFields, ...urgency }),
  events: TranscribeEventSchema,
  output: TranscribeResultSchema.extend({ text: z.string(), segments: z.array(SegmentSchema), timings: Timings }),
  right: invoke,
  http: 'POST /v1/models/{model}/transcribe',
  raw: { parameters: {}, read: (body) => ({ audio: body }) },
  errors: runErrors,
})

export const modelSynthesize = defineCall({
  name: 'model.synthesize',
  summary: 'Speak a text, stretch by stretch.',
  input: z.strictObject({ model: ModelName, ...synthesizeFields, ...urgency }),
  events: SynthesizeEventSchema,
  output: SynthesizeResultSchema.extend({ timings: Timings }),
  right: invoke,
  http: 'POST /v1/models/{model}/synthesize',
  errors: runErrors,
})

export const modelLoad = defineCall({
  name: 'model.load',
  summary: 'Load a model into an engine process now.',
  input: z.strictObject({ model: ModelName }),
  output: z.strictObject({
    name: ModelName,
    signature: SignatureSchema,
    /** What it can be asked: `infer`, `generate`, `embed` … */
    methods: z.array(z.enum(modelMethods)),
    /** Tokens of prompt and answer together; absent where there is no such limit. */
    contextLength: z.number().optional(),
    device: z.string(),
    residentBytes: ByteCount,
    loadMs: z.number(),
  }),
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
