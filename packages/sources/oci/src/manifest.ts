import { createHash } from 'node:crypto'
import { parseJson } from '@soma/core'
import { PACKAGE_FILES_MAX } from '@soma/spec'
import { z } from 'zod'
import { badDocument, wrongDigest } from './errors.ts'
import { INDEX_ENTRIES_MAX } from './limits.ts'
import { isDigest } from './reference.ts'

const Annotations = z.record(z.string(), z.string()).nullish()

const Descriptor = z.looseObject({
  mediaType: z.string().max(255),
  digest: z.string().refine(isDigest, 'expected sha256 or sha512'),
  size: z.number().int().nonnegative(),
  annotations: Annotations,
  artifactType: z.string().max(255).optional(),
})
export type Descriptor = z.output<typeof Descriptor>

const ManifestSchema = z.looseObject({
  mediaType: z.string().optional(),
  artifactType: z.string().optional(),
  config: Descriptor,
  layers: z.array(Descriptor).max(PACKAGE_FILES_MAX),
  annotations: Annotations,
})
export type OciManifest = z.output<typeof ManifestSchema>

const IndexSchema = z.looseObject({
  mediaType: z.string().optional(),
  manifests: z
    .array(Descriptor.extend({ platform: z.looseObject({ os: z.string().optional(), architecture: z.string().optional() }).optional() }))
    .max(INDEX_ENTRIES_MAX),
  annotations: Annotations,
})
export type OciIndex = z.output<typeof IndexSchema>
export type IndexEntry = OciIndex['manifests'][number]

/** Reads a manifest or an index; which one is told by what it holds, because not all registries send the right content type. */
export function parseManifest(bytes: Uint8Array, what: string): { readonly manifest: OciManifest } | { readonly index: OciIndex } {
  try {
    const value = parseJson(bytes, what)
    if (typeof value === 'object' && value !== null && 'manifests' in value) return { index: IndexSchema.parse(value) }
    return { manifest: ManifestSchema.parse(value) }
  } catch (cause) {
    throw badDocument(what, cause)
  }
}

/** @throws {SomaError} `package/hash-mismatch`. */
export function checkDigest(bytes: Uint8Array, expected: string, what: string): void {
  const found = digestOf(bytes, expected.startsWith('sha512:') ? 'sha512' : 'sha256')
  if (found !== expected) throw wrongDigest(what, expected, found)
}

export function digestOf(bytes: Uint8Array, algorithm: 'sha256' | 'sha512' = 'sha256'): string {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`
}
