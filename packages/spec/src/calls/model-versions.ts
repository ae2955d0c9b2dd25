import { z } from 'zod'
import { defineCall } from './define-call.ts'
import { InstallEvent, ModelSummary, installErrors, readsOf, Reference, unsafeModels } from './model.ts'
import { BlobDigestSchema, ByteCount, ModelName, Nothing, Timestamp, isSet } from './values.ts'

const Outdated = z.strictObject({
  name: ModelName,
  version: z.string(),
  reference: z.string(),
  /** What its reference, without the pin, means now; null when the source did not say. */
  available: z.strictObject({ version: z.string(), reference: z.string(), sizeBytes: ByteCount.nullable() }).nullable(),
  pinned: z.boolean(),
  /** Why the source did not say. */
  error: z.string().nullable(),
})

export const modelOutdated = defineCall({
  name: 'model.outdated',
  summary: 'Ask the sources which installed models have a newer version.',
  input: z.strictObject({ model: ModelName.optional() }),
  /** `models`: those that are outdated or could not be asked about. `checked`: how many were asked about. */
  output: z.strictObject({ models: z.array(Outdated), checked: z.number() }),
  right: (input) => ({ resource: `model/${input.model ?? '*'}`, right: 'read' }),
  http: 'POST /v1/models/outdated',
  errors: ['model/not-found', 'source/offline'],
})

const FileChange = z.strictObject({
  path: z.string(),
  change: z.enum(['added', 'removed', 'changed']),
  sizeBytesBefore: ByteCount.nullable(),
  sizeBytesAfter: ByteCount.nullable(),
})
const Changes = z.strictObject({
  versionBefore: z.string(),
  versionAfter: z.string(),
  referenceAfter: z.string(),
  licenceBefore: z.string().nullable(),
  licenceAfter: z.string().nullable(),
  sizeBytesBefore: ByteCount,
  sizeBytesAfter: ByteCount.nullable(),
  /** Bytes to fetch: what is not in the store yet. Null while the source does not say. */
  fetchBytes: ByteCount.nullable(),
  files: z.array(FileChange),
})

export const modelUpdate = defineCall({
  name: 'model.update',
  summary: 'Install what a model’s reference means now, and say what changed. Calls that run finish with the old version.',
  input: z.strictObject({
    model: ModelName,
    to: Reference.optional().describe(
      'Another reference, e.g. with another @version; that of the installed model without its pin when absent',
    ),
    dryRun: z.boolean().default(false).describe('Only say what would change'),
    allowUnsafe: z.boolean().default(false).describe('As for model.install'),
  }),
  events: InstallEvent,
  output: z.strictObject({ model: ModelSummary, changes: Changes.nullable().describe('Null when it is up to date') }),
  right: ({ model, to, allowUnsafe }) => [
    { resource: `model/${model}`, right: 'install' },
    ...readsOf(to ?? ''),
    ...(isSet(allowUnsafe) ? [unsafeModels] : []),
  ],
  mutates: true,
  http: 'POST /v1/models/{model}/update',
  errors: [...installErrors, 'model/not-found', 'model/pinned', 'model/exists', 'model/in-use'],
})

export const modelRollback = defineCall({
  name: 'model.rollback',
  summary: 'Go back to an earlier version that is still here; the present one is kept in its place.',
  input: z.strictObject({ model: ModelName, digest: BlobDigestSchema.optional().describe('Which one; the latest when absent') }),
  output: z.strictObject({ model: ModelSummary, from: z.string(), to: z.string() }),
  right: (input) => ({ resource: `model/${input.model}`, right: 'install' }),
  mutates: true,
  http: 'POST /v1/models/{model}/rollback',
  errors: [
    'model/not-found',
    'model/no-version',
    'model/pinned',
    'package/corrupt',
    'package/unsigned',
    'package/bad-signature',
    'package/licence-refused',
  ],
})

export const modelPin = defineCall({
  name: 'model.pin',
  summary: 'Keep a model at its version, or let it change again.',
  input: z.strictObject({ model: ModelName, pinned: z.boolean().default(true) }),
  output: z.strictObject({ model: ModelSummary }),
  right: (input) => ({ resource: `model/${input.model}`, right: 'install' }),
  mutates: true,
  http: 'POST /v1/models/{model}/pin',
  errors: ['model/not-found', 'model/in-use', 'package/corrupt'],
})

export const modelAlias = defineCall({
  name: 'model.alias',
  summary: 'Give a model a second name, move that name to another model, or take it away.',
  input: z.strictObject({ alias: ModelName, model: ModelName.nullable().describe('Null takes the alias away') }),
  output: z.strictObject({ alias: ModelName, model: ModelName.nullable(), before: ModelName.nullable() }),
  /** Rights are by name, so that who may use the alias may use what it stands for: giving it needs the rights on both. */
  right: ({ alias, model }) => [
    { resource: `model/${alias}`, right: 'install' },
    ...(model === null ? [] : [{ resource: `model/${model}`, right: 'install' } as const]),
  ],
  mutates: true,
  http: 'POST /v1/aliases/{alias}',
  errors: ['model/not-found', 'model/exists', 'resource/exhausted'],
})

const Usage = z.strictObject({
  name: ModelName,
  version: z.string(),
  /** Kept for rollback. */
  previous: z.boolean(),
  sizeBytes: ByteCount,
  /** Bytes that nothing else uses: what removing it frees. Those of a model count what only its earlier versions use, too. */
  ownBytes: ByteCount,
  /** Other models that use some of its bytes: at most 20, and only those that the caller may see. */
  sharedWith: z.array(z.strictObject({ name: ModelName, sizeBytes: ByteCount })),
})

export const modelUsage = defineCall({
  name: 'model.usage',
  summary: 'Say which models use the disk, what they share, and what nothing uses any more.',
  input: Nothing,
  output: z.strictObject({
    models: z.array(Usage),
    /** On disk, each blob once. */
    blobBytes: ByteCount,
    /** What all packages would take without sharing. */
    packageBytes: ByteCount,
    unusedBytes: ByteCount,
    /** Unfinished downloads. */
    partialBytes: ByteCount,
    freeBytes: ByteCount,
  }),
  right: () => ({ resource: 'model/*', right: 'list', any: true }),
  http: 'GET /v1/usage/models',
  errors: [],
})

export const modelCollect = defineCall({
  name: 'model.collect',
  summary: 'Remove what nothing uses: blobs of no model, old unfinished downloads, and if asked to earlier versions.',
  input: z.strictObject({
    dryRun: z.boolean().default(false).describe('Only say what would go'),
    versions: z.boolean().default(false).describe('Also earlier versions kept for rollback'),
    partials: z.boolean().default(false).describe('Also unfinished downloads of less than a week ago'),
  }),
  output: z.strictObject({
    freedBytes: ByteCount,
    blobs: z.number(),
    versions: z.array(z.strictObject({ name: ModelName, version: z.string(), installedAt: Timestamp })),
  }),
  right: () => ({ resource: 'model/*', right: 'remove' }),
  mutates: true,
  http: 'POST /v1/models/collect',
  errors: ['store/corrupt'],
})
