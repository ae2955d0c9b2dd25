import { SomaError } from '@soma/core'
import { z } from 'zod'
import { DtypeSchema } from '../../tensor/dtype-schema.ts'
import type { Dtype } from '../../tensor/dtype.ts'

/** One file of a package, on this disk. */
export const PackageFileSchema = z.strictObject({
  /** Path inside the package, `/`-separated. */
  path: z.string(),
  /** Absolute path on this machine. Read-only for engines. */
  localPath: z.string(),
  sizeBytes: z.number().int().nonnegative(),
})
export type PackageFile = z.output<typeof PackageFileSchema>

/** A package as an engine sees it: files, and which of them plays which role. */
export const ModelPackageSchema = z.strictObject({
  name: z.string(),
  format: z.string(),
  task: z.string(),
  /** A folder that holds the files under their package paths, so that formats with external data find it. */
  directory: z.string(),
  files: z.array(PackageFileSchema),
  /** Role → path inside the package: `{ "model": "model.onnx" }`. */
  roles: z.record(z.string(), z.string()),
})
export type ModelPackage = z.output<typeof ModelPackageSchema>

/**
 * @returns the file that plays a role.
 * @throws {SomaError} `model/load-failed` when the package names none, or names one that it does not hold.
 */
export function packageFile(pkg: ModelPackage, role: string): PackageFile {
  const path = pkg.roles[role]
  const file = pkg.files.find((file) => file.path === path)
  if (file) return file
  const why = path === undefined ? `has no file for the role "${role}"` : `does not hold the file ${path} of its role "${role}"`
  throw new SomaError('model/load-failed', `the package ${pkg.name} ${why}`, { details: { role, roles: pkg.roles } })
}

export interface TensorSpec {
  readonly name: string
  readonly dtype: Dtype
  /** -1 where the size is free. `null` when even the rank is free. */
  readonly shape: readonly number[] | null
  /** The model does not take NaN or infinity here. */
  readonly finite?: boolean | undefined
  /** May be left out. */
  readonly optional?: boolean | undefined
  readonly description?: string | undefined
}

/** Inputs and outputs of a model. */
export interface Signature {
  readonly inputs: readonly TensorSpec[]
  readonly outputs: readonly TensorSpec[]
}

export const TensorSpecSchema = z.strictObject({
  name: z.string().min(1).max(512),
  dtype: DtypeSchema,
  shape: z.array(z.number().int().min(-1)).nullable(),
  finite: z.boolean().optional(),
  optional: z.boolean().optional(),
  description: z.string().max(1000).optional(),
})

export const SignatureSchema: z.ZodType<Signature> = z
  .strictObject({ inputs: z.array(TensorSpecSchema), outputs: z.array(TensorSpecSchema) })
  .meta({ id: 'Signature' })
