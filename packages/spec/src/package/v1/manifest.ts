import { SomaError } from '@soma/core'
import { z } from 'zod'
import { DtypeSchema } from '../../tensor/dtype-schema.ts'

/**
 * MPF v1, `manifest.yaml`: a superset of Axon's `kind: Model` schema. What Axon's packages say is kept as it is;
 * `source`, `tasks`, `licence` and per-file digests are ours.
 * Unknown keys are kept in `metadata` and in `spec`'s open parts, because manifests of other tools carry more than we read.
 */
export const manifestApiVersions = ['v1', 'axon.mlos.io/v1', 'soma/v1'] as const
export const MANIFEST_FILE_NAME = 'manifest.yaml'
/** Describes 1,500 files. The YAML parser takes 2 ms per KiB and blocks meanwhile: half a second is the most it may take. */
export const MANIFEST_BYTES_MAX = 256 * 1024
export const PACKAGE_FILES_MAX = 10_000

/** Ours are upper case and Axon's are e.g. `FLOAT32`, `fp32`: one spelling inside. */
const dtypeAliases: Readonly<Record<string, string>> = {
  fp16: 'float16',
  fp32: 'float32',
  fp64: 'float64',
  bf16: 'bfloat16',
  half: 'float16',
  float: 'float32',
  double: 'float64',
  boolean: 'bool',
  str: 'string',
  bytes: 'string',
  long: 'int64',
  int: 'int32',
}
const ManifestDtype = z.preprocess((value) => {
  const text = typeof value === 'string' ? value.toLowerCase() : value
  return typeof text === 'string' ? (dtypeAliases[text] ?? text) : text
}, DtypeSchema)

/** A size; `-1`, `null` or a name such as `batch_size` where it is free. Kept as written, because the names mean something to readers. */
const Dimension = z.union([z.number().int().min(-1), z.string().max(512), z.null()])

/** YAML reads `version: 2.1` as a number. */
const Version = z.union([z.string(), z.number()]).transform(String)

const TensorEntry = z.looseObject({
  name: z.string().min(1).max(512),
  dtype: ManifestDtype,
  shape: z.array(Dimension).max(32).nullable().optional(),
  description: z.string().optional(),
  finite: z.boolean().optional(),
  optional: z.boolean().optional(),
})

const FileEntry = z.looseObject({
  path: z.string().min(1).max(1024),
  size: z.number().int().nonnegative().optional(),
  /** Empty where the writer did not know it, as in manifests that Axon generates before it has the files. */
  sha256: z
    .string()
    .regex(/^([0-9a-f]{64})?$/i, 'expected 64 hex digits')
    .transform((hex) => hex.toLowerCase())
    .optional(),
})
export type ManifestFile = z.output<typeof FileEntry>

const ExecutionFile = z.union([z.string(), FileEntry]).transform((entry) => (typeof entry === 'string' ? { path: entry } : entry))

export const ManifestSchema = z.looseObject({
  apiVersion: z.enum(manifestApiVersions),
  kind: z.literal('Model'),
  metadata: z.looseObject({
    name: z.string().min(1).max(256),
    namespace: z.string().max(256).optional(),
    version: Version.pipe(z.string().max(128)).default('0.0.0'),
    description: z.string().max(100_000).optional(),
    license: z.string().max(1024).optional(),
    homepage: z.string().max(2048).optional(),
  }),
  spec: z.looseObject({
    framework: z.looseObject({ name: z.string().max(64), version: Version.pipe(z.string().max(64)).optional() }).optional(),
    format: z.looseObject({
      type: z.string().min(1).max(64),
      /** What the files are now, where `type` is what they were converted from. */
      execution_format: z.string().max(64).optional(),
      files: z.array(FileEntry).max(PACKAGE_FILES_MAX).default([]),
      /** The file of the role `model`, where there is only that one. */
      execution_file: ExecutionFile.optional(),
      /** Role → file. Of a list the first entry plays the role `model`. */
      execution_files: z.union([z.record(z.string(), ExecutionFile), z.array(ExecutionFile).transform(rolesOfList)]).optional(),
    }),
    io: z.looseObject({ inputs: z.array(TensorEntry).default([]), outputs: z.array(TensorEntry).default([]) }).optional(),
    requirements: z.looseObject({}).optional(),
    tasks: z.array(z.string().max(64)).optional(),
    engine: z.looseObject({ id: z.string().max(32), settings: z.record(z.string(), z.unknown()).default({}) }).optional(),
    source: z.looseObject({ reference: z.string().max(4096) }).optional(),
  }),
  distribution: z.looseObject({}).optional(),
})
export type Manifest = z.output<typeof ManifestSchema>

function rolesOfList(entries: ReadonlyArray<{ path: string }>): Record<string, { path: string }> {
  return Object.fromEntries(entries.map((entry, index) => [index === 0 ? 'model' : `model_${index}`, entry]))
}

/**
 * Checks that a path stays inside its package on every file system we run on.
 * @returns the path, normalised: no `./`, no doubled slashes.
 * @throws {SomaError} `package/unsafe-path` naming the path and the reason.
 */
export function checkPackagePath(path: string): string {
  const refuse = (reason: string): never => {
    throw new SomaError('package/unsafe-path', `the path ${JSON.stringify(path.slice(0, 200))} is refused: ${reason}`, {
      details: { path: path.slice(0, 200), reason },
    })
  }
  if (path.includes('\0')) return refuse('it holds a NUL')
  if (path.includes('\\')) return refuse('it holds a backslash')
  if (path.startsWith('/') || /^[a-z]:/i.test(path)) return refuse('it is absolute')
  const parts = path.split('/').filter((part) => part !== '' && part !== '.')
  if (parts.length === 0) return refuse('it is empty')
  if (parts.includes('..')) return refuse('it leaves the package')
  if (parts.length > 64) return refuse('it is deeper than 64 folders')
  if (parts.some((part) => new TextEncoder().encode(part).byteLength > 255)) return refuse('a part is longer than 255 bytes')
  return parts.join('/')
}
