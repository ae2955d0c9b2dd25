import { type BlobDigest, SomaError, isBlobDigest } from '@soma/core'
import { KnowledgeSchema, ManifestSchema, ModelName, PACKAGE_FILES_MAX, SignatureSchema, checkPackagePath } from '@soma/spec'
import { z } from 'zod'
import type { InstalledModel } from '../ports.ts'

/** Kind of the records that installed packages are. */
export const PACKAGE_KIND = 'package'
/** Kind of the records of earlier versions, which keep their blobs for a rollback. Keys are `<name>#<digest>`. */
export const VERSION_KIND = 'package-version'
/** Kind of the records of second names. */
export const ALIAS_KIND = 'alias'

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

const VersionSchema = z.object({ replacedAt: z.number(), model: z.unknown() })
const AliasSchema = z.object({ model: ModelName })

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
  throw corruptRecord(PACKAGE_KIND, key, reasonOf(parsed.error) ?? 'it names another model')
}

/** The blobs that a package is made of, each once: what its record must name. */
export function blobsOf({ files }: InstalledModel): BlobDigest[] {
  return [...new Set(files.map(({ digest }) => digest))]
}

/** A package that was replaced, and can be gone back to. */
export interface EarlierVersion {
  readonly model: InstalledModel
  /** When another took its place, in ms since the epoch; later ones come first. */
  readonly replacedAt: number
}

export function versionKey({ name, digest }: Pick<InstalledModel, 'name' | 'digest'>): string {
  return `${name}#${digest}`
}

/** The name of the model whose version a key names. */
export function nameOfVersion(key: string): string {
  return key.slice(0, Math.max(0, key.indexOf('#')))
}

/** The record of an earlier version. @throws {SomaError} `store/corrupt` when it is not one. */
export function parseVersion(key: string, value: unknown): EarlierVersion {
  const parsed = VersionSchema.safeParse(value)
  if (!parsed.success) throw corruptRecord(VERSION_KIND, key, reasonOf(parsed.error))
  const model = parseRecord(nameOfVersion(key), parsed.data.model)
  if (versionKey(model) !== key) throw corruptRecord(VERSION_KIND, key, 'it names another version')
  return { model, replacedAt: parsed.data.replacedAt }
}

/** The name that an alias stands for. @throws {SomaError} `store/corrupt` when the record is not one of an alias. */
export function parseAlias(key: string, value: unknown): string {
  const parsed = AliasSchema.safeParse(value)
  if (parsed.success && ModelName.safeParse(key).success) return parsed.data.model
  throw corruptRecord(ALIAS_KIND, key, reasonOf(parsed.error))
}

/** What to do about a damaged record, by kind. */
const wayOut: Readonly<Record<string, string>> = {
  [PACKAGE_KIND]: 'remove the model and install it again',
  [VERSION_KIND]: 'remove earlier versions with soma model gc --versions',
  [ALIAS_KIND]: 'give the alias again, or take it away',
}

export function corruptRecord(kind: string, key: string, reason = 'it names another'): SomaError {
  const message = `the record ${kind}/${JSON.stringify(key)} cannot be read (${reason}); ${wayOut[kind] ?? 'remove it'}`
  return new SomaError('store/corrupt', message, { details: { record: `${kind}/${key}`, reason } })
}

function reasonOf(error: z.ZodError | undefined): string | undefined {
  const issue = error?.issues[0]
  return issue && `${issue.path.map(String).join('.')}: ${issue.message}`
}
