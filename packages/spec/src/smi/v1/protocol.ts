import { z } from 'zod'
import { TensorSchema } from '../../tensor/tensor.ts'
import { EngineDescriptorSchema } from './descriptor.ts'
import { GenerateEventSchema, GenerateRequestSchema } from './generate.ts'
import { ModelPackageSchema, SignatureSchema } from './model.ts'

/**
 * SMI v1 on the wire: the multiplexed calls of `@soma/wire`, in frames, on the engine's stdin and stdout.
 * The host calls these methods; `infer` and `generate` may overlap and may be cancelled. stderr is free text for the log.
 */
const HostFactsSchema = z.strictObject({
  platform: z.string(),
  arch: z.string(),
  cpus: z.number(),
  memoryBytes: z.number(),
  memoryAvailableBytes: z.number(),
})
const LoadOptionsSchema = z.strictObject({ threads: z.number().int().positive(), settings: z.record(z.string(), z.unknown()) })
const LoadSchema = z.strictObject({ package: ModelPackageSchema, options: LoadOptionsSchema })
const MemorySchema = z.strictObject({ residentBytes: z.number().nonnegative() })
const InferSchema = z.strictObject({ inputs: z.array(TensorSchema), outputs: z.array(z.string()).optional() })
const Nothing = z.strictObject({})

export const smiMethods = {
  /** The first call: both sides say what they speak. The engine refuses a version it does not know. */
  hello: { input: z.strictObject({ smiVersions: z.array(z.number()) }), output: EngineDescriptorSchema },
  probe: { input: HostFactsSchema, output: z.strictObject({ supported: z.boolean(), reason: z.string(), devices: z.array(z.string()) }) },
  estimate: { input: LoadSchema, output: MemorySchema },
  load: { input: LoadSchema, output: z.strictObject({ signature: SignatureSchema, methods: z.array(z.enum(['infer', 'generate'])) }) },
  infer: { input: InferSchema, output: z.strictObject({ outputs: z.array(TensorSchema) }) },
  generate: { input: GenerateRequestSchema, output: Nothing, events: GenerateEventSchema },
  unload: { input: Nothing, output: Nothing },
  health: { input: Nothing, output: MemorySchema.extend({ busy: z.number().int().nonnegative() }) },
} as const

export type SmiMethod = keyof typeof smiMethods
