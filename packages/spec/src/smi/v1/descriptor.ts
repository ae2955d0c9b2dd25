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
  task: TaskSchema,
  /** Role → glob: `{ "model": "**" + "/*.onnx" }`. */
  files: z.record(z.string(), z.string()),
})
export type PackageLayout = z.output<typeof PackageLayoutSchema>

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
})
export type EngineDescriptor = z.output<typeof EngineDescriptorSchema>
