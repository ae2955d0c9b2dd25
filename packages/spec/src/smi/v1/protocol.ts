import { z } from 'zod'
import { TensorSchema } from '../../tensor/tensor.ts'
import { CheckSchema } from './check.ts'
import { ConvertEventSchema, ConvertResultSchema } from './convert.ts'
import { EngineDescriptorSchema } from './descriptor.ts'
import { EmbedRequestSchema, EmbedResponseSchema, RerankRequestSchema, RerankResponseSchema } from './embed.ts'
import { GenerateEventSchema, GenerateRequestSchema, GenerateResultSchema } from './generate.ts'
import { HostFactsSchema } from './host-facts.ts'
import { ModelPackageSchema, SignatureSchema } from './model.ts'
import {
  SynthesizeEventSchema,
  SynthesizeRequestSchema,
  SynthesizeResultSchema,
  TranscribeEventSchema,
  TranscribeRequestSchema,
  TranscribeResultSchema,
} from './speech.ts'

/**
 * SMI v1 on the wire: the multiplexed calls of `@soma/wire`, in frames, on the engine's stdin and stdout.
 * The host calls these methods; those of a model may overlap, up to its concurrency, and may be cancelled. stderr is free text for the log.
 */
const Settings = z.record(z.string(), z.unknown())
const LoadOptionsSchema = z.strictObject({
  threads: z.number().int().positive(),
  device: z.string().optional(),
  stateDirectory: z.string().optional(),
  scrub: z.boolean().optional(),
  settings: Settings,
})
const LoadSchema = z.strictObject({ package: ModelPackageSchema, options: LoadOptionsSchema })
const Bytes = z.number().nonnegative()
const MemorySchema = z.strictObject({ residentBytes: Bytes, deviceBytes: z.record(z.string(), Bytes).optional() })
const InferSchema = z.strictObject({ inputs: z.array(TensorSchema), outputs: z.array(z.string()).optional() })
const Nothing = z.strictObject({})

/** What a loaded model may be asked. */
export const modelMethods = ['infer', 'generate', 'embed', 'rerank', 'transcribe', 'synthesize'] as const
export type ModelMethod = (typeof modelMethods)[number]

const LoadedSchema = z.strictObject({
  signature: SignatureSchema,
  methods: z.array(z.enum(modelMethods)),
  concurrency: z.number().int().positive().default(1),
  contextLength: z.number().int().positive().optional(),
  device: z.string().default('cpu'),
})
const SupportSchema = z.strictObject({
  supported: z.boolean(),
  reason: z.string(),
  devices: z.array(z.string()),
  checks: z.array(CheckSchema).optional(),
})
const EstimateSchema = MemorySchema.extend({
  smaller: z
    .array(z.strictObject({ settings: Settings, residentBytes: Bytes }))
    .max(16)
    .optional(),
})
const ConvertSchema = z.strictObject({ package: ModelPackageSchema, to: z.string(), directory: z.string(), settings: Settings })

export const smiMethods = {
  /** The first call: both sides say what they speak. The engine refuses a version it does not know. */
  hello: { input: z.strictObject({ smiVersions: z.array(z.number()) }), output: EngineDescriptorSchema },
  probe: { input: HostFactsSchema, output: SupportSchema },
  estimate: { input: LoadSchema, output: EstimateSchema },
  load: { input: LoadSchema, output: LoadedSchema },
  infer: { input: InferSchema, output: z.strictObject({ outputs: z.array(TensorSchema) }) },
  generate: { input: GenerateRequestSchema, output: GenerateResultSchema, events: GenerateEventSchema },
  embed: { input: EmbedRequestSchema, output: EmbedResponseSchema },
  rerank: { input: RerankRequestSchema, output: RerankResponseSchema },
  transcribe: { input: TranscribeRequestSchema, output: TranscribeResultSchema, events: TranscribeEventSchema },
  synthesize: { input: SynthesizeRequestSchema, output: SynthesizeResultSchema, events: SynthesizeEventSchema },
  convert: { input: ConvertSchema, output: ConvertResultSchema, events: ConvertEventSchema },
  /** The process stays, warm, and can load again. With a folder, the model first writes what a later load can go on from. */
  unload: { input: z.strictObject({ stateDirectory: z.string().optional() }), output: Nothing },
  health: { input: Nothing, output: MemorySchema.extend({ busy: z.number().int().nonnegative() }) },
} as const

export type SmiMethod = keyof typeof smiMethods
