import { z } from 'zod'
import { defineCall } from './define-call.ts'
import { Nothing, Timestamp } from './values.ts'

export const KeyName = z
  .string()
  .max(64)
  .regex(/^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$/, 'expected lower-case letters, digits, dots, dashes and underscores')
/** A name or an id. */
const KeyReference = z.string().min(1).max(128)

const KeySummary = z
  .strictObject({
    /** sha256 of the public keys, hex: the same on every machine. */
    id: z.string(),
    name: KeyName,
    /** `ed25519`, `ml-dsa-65`, `ecdsa-p256`, …: a hybrid key has two. */
    algorithms: z.array(z.string()),
    /** The private half is here. */
    canSign: z.boolean(),
    /** Packages that it signed pass the signature policy. */
    trusted: z.boolean(),
    createdAt: Timestamp,
  })
  .meta({ id: 'Key' })
export type KeySummary = z.output<typeof KeySummary>

export const keyList = defineCall({
  name: 'key.list',
  summary: 'List the keys that packages are signed with and checked against.',
  input: Nothing,
  output: z.strictObject({ keys: z.array(KeySummary) }),
  right: () => ({ resource: 'key/*', right: 'list', any: true }),
  http: 'GET /v1/keys',
  errors: [],
})

export const keyCreate = defineCall({
  name: 'key.create',
  summary: 'Make a key to sign packages with: Ed25519 and ML-DSA-65 together. It is trusted on this machine.',
  input: z.strictObject({
    name: KeyName,
    algorithm: z
      .enum(['hybrid', 'ecdsa-p256'])
      .default('hybrid')
      .describe('hybrid: Ed25519 and ML-DSA-65; ecdsa-p256: what the reference tool of OpenSSF Model Signing checks, too'),
  }),
  output: z.strictObject({ key: KeySummary, publicPem: z.string() }),
  right: ({ name }) => ({ resource: `key/${name}`, right: 'manage' }),
  mutates: true,
  http: 'POST /v1/keys',
  errors: ['key/exists', 'resource/exhausted'],
})

export const keyShow = defineCall({
  name: 'key.show',
  summary: 'Show a key with its public half as PEM, for others to import.',
  input: z.strictObject({ key: KeyReference }),
  output: z.strictObject({ key: KeySummary, publicPem: z.string() }),
  right: ({ key }) => ({ resource: `key/${key}`, right: 'read' }),
  http: 'GET /v1/keys/{key}',
  errors: ['key/not-found'],
})

export const keyImport = defineCall({
  name: 'key.import',
  summary: 'Take in somebody’s public key (PEM; a hybrid key is two blocks), trusted or not.',
  input: z.strictObject({
    name: KeyName,
    publicPem: z
      .string()
      .min(1)
      .max(64 * 1024),
    trusted: z.boolean().default(true),
  }),
  output: z.strictObject({ key: KeySummary }),
  right: ({ name }) => ({ resource: `key/${name}`, right: 'manage' }),
  mutates: true,
  http: 'POST /v1/keys/import',
  errors: ['key/exists', 'resource/exhausted'],
})

export const keyTrust = defineCall({
  name: 'key.trust',
  summary: 'Trust a key, or stop trusting it.',
  input: z.strictObject({ key: KeyReference, trusted: z.boolean().default(true) }),
  output: z.strictObject({ key: KeySummary }),
  right: ({ key }) => ({ resource: `key/${key}`, right: 'manage' }),
  mutates: true,
  http: 'POST /v1/keys/{key}/trust',
  errors: ['key/not-found'],
})

export const keyRemove = defineCall({
  name: 'key.remove',
  summary: 'Remove a key. Signatures made with it stay with their packages, and are no longer known here.',
  input: z.strictObject({ key: KeyReference }),
  output: z.strictObject({ key: KeySummary }),
  right: ({ key }) => ({ resource: `key/${key}`, right: 'manage' }),
  mutates: true,
  http: 'DELETE /v1/keys/{key}',
  errors: ['key/not-found'],
})
