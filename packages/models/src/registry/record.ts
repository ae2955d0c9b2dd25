import { SomaError, isBlobDigest } from '@soma/core'
import { KnowledgeSchema, ManifestSchema, ModelName, PACKAGE_FILES_MAX, SignatureSchema, checkPackagePath } from '@soma/spec'
import { z } from 'zod'
import type { InstalledModel } from '../ports.ts'

/** Kind of the records that installed packages are. */
export const PACKAGE_KIND = 'package'

const SafePath = z.string().refine((path) => {
  try {
    return checkPackagePath(path) === path
  } catch {
    return false
  }
}, 'expected a path inside the package')

const BlobDigestSchema = z.string().refine(isBlobDigest, 'expected a digest')

const FileSchema = z.object({
  path: SafePath,
  role: z.string().nullable(),
  sizeBytes: z.number().int().nonnegative(),
  digest: BlobDigestSchema,
})

const RecordSchema = z.object({
  name: ModelName,
  version: z.string(),
  reference: z.string(),
  wanted: z.string(),
  format: z.string(),
  task: z.string(),
  engine: z.string().nullable(),
  settings: z.record(z.string(), z.unknown()),
  licence: z.string().nullable(),
  files: z.array(FileSchema).max(PACKAGE_FILES_MAX),
  signature: SignatureSchema.nullable(),
  knowledge: KnowledgeSchema.nullable(),
  manifest: ManifestSchema,
  signatureBundle: z.string().nullable(),
  pinned: z.boolean(),
  digest: BlobDigestSchema,
  installedAt: z.number(),
})

/** Records written by 0.1.0 lack what came later. */
function withDefaults(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('reference' in value)) return value
  return { wanted: value.reference, knowledge: null, signatureBundle: null, pinned: false, ...value }
}

/**
 * The record of an installed package, as it was stored.
 * @throws {SomaError} `store/corrupt` when it is not one.
 */
export function parseRecord(key: string, value: unknown): InstalledModel {
  const parsed = RecordSchema.safeParse(withDefaults(value))
  if (parsed.success && parsed.data.name === key) return parsed.data
  const issue = parsed.error?.issues[0]
  const reason = issue ? `${issue.path.map(String).join('.')}: ${issue.message}` : 'it names another model'
  throw new SomaError(
    'store/corrupt',
    `the record of the model ${JSON.stringify(key)} cannot be read (${reason}); remove the model and install it again`,
    {
      details: { record: `${PACKAGE_KIND}/${key}`, reason },
    },
  )
}
