import { z } from 'zod'
import { KnowledgeSchema } from '../package/v1/knowledge.ts'
import { defineCall } from './define-call.ts'
import {
  InstallEvent,
  ModelSummary,
  Reference,
  installErrors,
  readFiles,
  readsOf,
  sourceErrors,
  unsafeModels,
  writeFiles,
} from './model.ts'
import { BlobDigestSchema, ByteCount, ModelName, Timestamp, isSet } from './values.ts'

const Hit = z.strictObject({
  reference: z.string(),
  source: z.string(),
  title: z.string(),
  description: z.string().nullable(),
  sizeBytes: ByteCount.nullable(),
  licence: z.string().nullable(),
  formats: z.array(z.string()),
  task: z.string().nullable(),
  downloads: z.number().nullable(),
  likes: z.number().nullable(),
  updatedAt: Timestamp.nullable(),
  gated: z.boolean(),
  /** `yes`: an engine here loads it and it fits into memory. `unknown`: the source does not say what decides it. */
  runs: z.enum(['yes', 'no', 'unknown']),
  /** Why, in a few words: `no engine loads coreml`, `needs 40 GB of memory`. Empty for yes. */
  reason: z.string(),
  /** The names it is installed under here. */
  installed: z.array(ModelName),
})

export const modelSearch = defineCall({
  name: 'model.search',
  summary: 'Search all sources that can be searched at once, merged and ranked, with what would run on this machine.',
  input: z.strictObject({
    query: z.string().min(1).max(256),
    limit: z.number().int().positive().max(100).default(20),
    sources: z.array(z.string().max(32)).max(32).optional().describe('Only these; all that can be searched when absent'),
  }),
  output: z.strictObject({
    hits: z.array(Hit).describe('Best first. `runs` says whether an engine here loads it and it fits into memory, `reason` why not'),
    sources: z
      .array(z.strictObject({ source: z.string(), hits: z.number(), tookMs: z.number(), error: z.string().nullable() }))
      .describe('How each source answered. One that is not configured is left out, unless it was named'),
  }),
  right: () => ({ resource: 'source/*', right: 'read', any: true }),
  http: 'POST /v1/models/search',
  errors: ['source/offline', 'source/invalid-reference'],
})

export const modelInfo = defineCall({
  name: 'model.info',
  summary: 'Ask a source what a reference means now, without installing it.',
  input: z.strictObject({ reference: Reference }),
  output: z.strictObject({
    reference: z.string().describe('Pinned'),
    name: ModelName.describe('That it would be installed under'),
    version: z.string(),
    licence: z.string().nullable(),
    description: z.string().nullable(),
    homepage: z.string().nullable(),
    task: z.string().nullable(),
    format: z.string().nullable().describe('Told by the names of the files; null when it takes more than names'),
    engines: z.array(z.string()).describe('Those here that load the format'),
    sizeBytes: ByteCount.nullable().describe('Null when the source does not say all sizes'),
    storedBytes: ByteCount.describe('Of them in the store already'),
    freeBytes: ByteCount.describe('On the disk'),
    files: z.array(z.strictObject({ path: z.string(), sizeBytes: ByteCount.nullable(), stored: z.boolean() })),
    choice: z
      .strictObject({
        chosen: z.string(),
        reason: z.string(),
        options: z.array(z.strictObject({ name: z.string(), reference: z.string(), sizeBytes: ByteCount.nullable() })),
      })
      .nullable()
      .describe('Which of several variants would be taken, and why'),
    warnings: z.array(z.string()),
    installed: z.array(ModelName).describe('The names it is installed under here'),
  }),
  right: ({ reference }) => readsOf(reference),
  http: 'POST /v1/models/info',
  errors: [...sourceErrors, 'package/unsafe-path'],
})

export const modelRegister = defineCall({
  name: 'model.register',
  summary: 'Make a model ready to run: install it if it is not, find its engine, and load it once to see that it works.',
  input: z.strictObject({
    reference: z.string().min(1).max(4096).describe('A reference, or the name of an installed model'),
    name: ModelName.optional(),
    allowUnsafe: z.boolean().default(false).describe('As for model.install'),
  }),
  events: InstallEvent,
  output: z.strictObject({
    model: ModelSummary,
    alreadyInstalled: z.boolean(),
    ready: z.boolean().describe('Whether an engine here loaded it'),
    reason: z.string().describe('What is missing; empty when nothing is'),
    knowledge: KnowledgeSchema.nullable(),
  }),
  /** Without a source it is the name of an installed model: that one is loaded and described, whatever `name` says. */
  right: ({ name, reference, allowUnsafe }) => {
    const needs = readsOf(reference)
    const resource = `model/${needs.length === 0 ? reference : (name ?? '')}`
    return [
      { resource, right: needs.length === 0 ? 'read' : 'install' },
      { resource, right: 'load' },
      ...needs,
      ...(isSet(allowUnsafe) ? [unsafeModels] : []),
    ]
  },
  mutates: true,
  http: 'POST /v1/models/register',
  errors: [...installErrors, 'model/exists', 'model/not-found'],
})

const LocalPath = z.string().min(1).max(4096).describe('Absolute path on the daemon’s machine')

export const modelPack = defineCall({
  name: 'model.pack',
  summary: 'Write a model as one .axon archive: manifest, files, and signature where there is one.',
  input: z.strictObject({ model: ModelName, path: LocalPath, replace: z.boolean().default(false).describe('Overwrite the file') }),
  events: z.strictObject({ path: z.string(), writtenBytes: ByteCount, totalBytes: ByteCount }),
  output: z.strictObject({ path: z.string(), sizeBytes: ByteCount, digest: BlobDigestSchema }),
  right: ({ model }) => [{ resource: `model/${model}`, right: 'read' }, writeFiles],
  http: 'POST /v1/models/{model}/pack',
  errors: ['model/not-found', 'package/corrupt', 'package/invalid-manifest', 'file/exists', 'file/unwritable', 'store/disk-full'],
})

export const modelUnpack = defineCall({
  name: 'model.unpack',
  summary: 'Unpack an archive (.axon, .tar.gz, .tar, .zip) into a folder, checked as installing does it, without installing.',
  input: z.strictObject({ path: LocalPath, folder: LocalPath }),
  output: z.strictObject({ folder: z.string(), files: z.number(), sizeBytes: ByteCount }),
  right: () => [readFiles, writeFiles],
  http: 'POST /v1/models/unpack',
  errors: ['package/archive-refused', 'package/unsafe-path', 'file/exists', 'file/unreadable', 'file/unwritable', 'store/disk-full'],
})

export const modelPublish = defineCall({
  name: 'model.publish',
  summary: 'Put a model into a registry, as an OCI artifact. What is there already is not sent again.',
  input: z.strictObject({ model: ModelName, reference: Reference.describe('Where, e.g. oci/registry.example.org/team/ocr:1.0') }),
  events: z.strictObject({ path: z.string(), sentBytes: ByteCount, sizeBytes: ByteCount, skipped: z.boolean() }),
  output: z.strictObject({ reference: z.string(), digest: z.string().nullable(), sentBytes: ByteCount, skippedBytes: ByteCount }),
  right: ({ model, reference }) => [
    { resource: `model/${model}`, right: 'read' },
    { resource: `source/${reference.split('/', 1)[0] ?? ''}`, right: 'manage' },
  ],
  http: 'POST /v1/models/{model}/publish',
  errors: [...sourceErrors, 'model/not-found', 'package/corrupt', 'package/invalid-manifest', 'package/hash-mismatch'],
})

export const modelSign = defineCall({
  name: 'model.sign',
  summary: 'Sign the files of a model with a key of this machine; the signature travels with the package.',
  input: z.strictObject({ model: ModelName, key: z.string().min(1).max(128).describe('Name or id of a key that can sign') }),
  output: z.strictObject({ name: ModelName, keyId: z.string(), algorithms: z.array(z.string()), files: z.number() }),
  right: ({ model, key }) => [
    { resource: `model/${model}`, right: 'install' },
    { resource: `key/${key}`, right: 'invoke' },
  ],
  mutates: true,
  http: 'POST /v1/models/{model}/sign',
  errors: ['model/not-found', 'model/in-use', 'key/not-found', 'package/corrupt', 'package/invalid-manifest', 'store/corrupt'],
})
