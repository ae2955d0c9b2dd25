import { z } from 'zod'

export const SMI_VERSION = 1

/** What a model does, in the words hubs use for it. */
export const TaskSchema = z
  .string()
  .regex(/^[a-z0-9]+(-[a-z0-9]+)*$/)
  .max(64)

/**
 * How an engine recognises a package that brings no manifest: every role's glob must match exactly one file.
 * Globs are matched against paths inside the package, case-insensitively; `*` within a name, `**` across folders.
 */
export const PackageLayoutSchema = z.strictObject({
  format: z.string().min(1).max(64),
  /** What such packages do; absent where their files say it. */
  task: TaskSchema.optional(),
  /** Role → glob: `{ "model": "**" + "/*.onnx" }`. */
  files: z.record(z.string(), z.string()),
})
export type PackageLayout = z.output<typeof PackageLayoutSchema>

/** One setting of an engine, for help texts and for refusing what it does not know. */
export const EngineOptionSchema = z.strictObject({
  name: z.string().regex(/^[a-z][A-Za-z0-9]*$/),
  type: z.enum(['boolean', 'integer', 'number', 'string', 'strings', 'numbers-by-name']),
  description: z.string().max(500),
  /** What it is without. */
  default: z.union([z.boolean(), z.number(), z.string(), z.null(), z.array(z.string()), z.record(z.string(), z.number())]).optional(),
  /** The only texts it takes. */
  values: z.array(z.string()).optional(),
  /** It names files, or lets calls name them: of the package, or of this machine, which only who may read files may choose. */
  files: z.boolean().optional(),
})
export type EngineOption = z.output<typeof EngineOptionSchema>

/** What is known of an engine without starting it. */
export const EngineDescriptorSchema = z.strictObject({
  smiVersion: z.literal(SMI_VERSION),
  id: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/),
  title: z.string().max(120),
  version: z.string().max(64),
  /** Package formats it loads, as `spec.format.type` of a manifest says them: `onnx`, `gguf`. */
  formats: z.array(z.string().min(1).max(64)),
  tasks: z.array(TaskSchema),
  /** Most telling first: the first layout of any engine that fits names the format. */
  layouts: z.array(PackageLayoutSchema),
  /** Its models take other tensors than their files say, texts instead of token numbers: only a loaded one tells which. */
  ownSignatures: z.boolean().optional(),
  /** Programming interfaces through which it can use accelerators: `cuda`, `vulkan` … The CPU it can always use. */
  apis: z.array(z.string().max(32)).optional(),
  /** Hands its input on to another program, mostly on another machine: never chosen unless the user allows it. */
  remote: z.boolean().optional(),
  /** Formats that it can convert its own into. */
  converts: z.array(z.string().min(1).max(64)).optional(),
  /** Settings that a load takes; others are refused by name. */
  options: z.array(EngineOptionSchema).optional(),
})
export type EngineDescriptor = z.output<typeof EngineDescriptorSchema>
