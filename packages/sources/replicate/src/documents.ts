import { createHash } from 'node:crypto'
import { type Json, canonicalJson } from '@soma/core'
import { type Artifact, CONTENT_BYTES_MAX, MANIFEST_FILE_NAME } from '@soma/spec'
import type { ReplicateVersion } from './api.ts'
import { tooLarge } from './errors.ts'
import type { ReplicateReference } from './reference.ts'

const SCHEMA_FILE_NAME = 'replicate.json'

/**
 * The package of a model that runs elsewhere: its manifest, and the schemas of what it takes and gives. Only what belongs to the
 * version, and keys sorted, so that installing it again gives the same bytes.
 */
export function documentsOf(reference: ReplicateReference, version: ReplicateVersion): Artifact[] {
  const model = `${reference.owner}/${reference.name}`
  const schemas = encode(describeVersion(model, version))
  if (schemas.byteLength > CONTENT_BYTES_MAX) throw tooLarge(model, schemas.byteLength, CONTENT_BYTES_MAX)
  const manifest = encode(manifestOf(reference, version.id, schemas))
  const key = `replicate/${model}@${version.id}`
  return [artifactOf(key, MANIFEST_FILE_NAME, manifest), artifactOf(key, SCHEMA_FILE_NAME, schemas)]
}

function describeVersion(model: string, { id, created_at, cog_version, openapi_schema }: ReplicateVersion): Json {
  return {
    provider: 'replicate',
    model,
    version: id,
    createdAt: created_at ?? null,
    cogVersion: cog_version ?? null,
    // `Input` and `Output` are the two that count; they refer to the others.
    schemas: openapi_schema.components.schemas as Json,
  }
}

/** JSON is YAML too. */
function manifestOf({ owner, name }: ReplicateReference, version: string, schemas: Uint8Array): Json {
  const file = { path: SCHEMA_FILE_NAME, size: schemas.byteLength, sha256: sha256(schemas) }
  const settings = { provider: 'replicate', model: `${owner}/${name}`, version, schema: SCHEMA_FILE_NAME }
  return {
    apiVersion: 'soma/v1',
    kind: 'Model',
    metadata: { name, namespace: owner, version },
    spec: {
      format: { type: 'remote', files: [file], execution_files: { model: SCHEMA_FILE_NAME } },
      engine: { id: 'remote', settings },
      source: { reference: `replicate/${owner}/${name}@${version}` },
    },
  }
}

function artifactOf(key: string, path: string, content: Uint8Array): Artifact {
  const digest = sha256(content)
  const integrity = { algorithm: 'sha256' as const, digest }
  return { key: `${key}/${path}#sha256=${digest}`, path, kind: 'file', sizeBytes: content.byteLength, integrity, content }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function encode(document: Json): Uint8Array {
  return new TextEncoder().encode(`${canonicalJson(document)}\n`)
}
