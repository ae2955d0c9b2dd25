import { createHash } from 'node:crypto'
import { isSomaError, parseJson } from '@soma/core'
import { type HttpFetch, readDocument } from '@soma/spec'
import { z } from 'zod'
import { noSuchModel, notOllama, otherBytes } from './errors.ts'
import { CONFIG_BYTES_MAX, LAYERS_MAX, LICENCE_BYTES_MAX, MANIFEST_BYTES_MAX } from './limits.ts'
import { type OllamaReference, modelOf } from './reference.ts'

const Blob = z.object({
  mediaType: z.string().max(256),
  digest: z.string().regex(/^sha256:[0-9a-f]{64}$/),
  size: z.number().int().nonnegative(),
})
export type OllamaBlob = z.infer<typeof Blob>

const Manifest = z.object({ config: Blob, layers: z.array(Blob).max(LAYERS_MAX) })

/** A manifest, and the digest of its bytes. */
export interface PinnedManifest extends z.infer<typeof Manifest> {
  readonly digest: string
}

/** What the config says of the model. Anything odd is as good as absent. */
const Config = z.object({
  model_format: z.string().optional().catch(undefined),
  model_family: z.string().optional().catch(undefined),
  model_families: z.array(z.string()).nullish().catch(undefined),
  model_type: z.string().optional().catch(undefined),
  file_type: z.string().optional().catch(undefined),
  remote_host: z.string().optional().catch(undefined),
})
export type OllamaConfig = z.infer<typeof Config>

const Tags = z.object({ tags: z.array(z.string()) })

export interface RegistryQuery {
  readonly fetch: HttpFetch
  /** Of the repository: `https://host/v2/namespace/name`. */
  readonly url: string
  readonly reference: OllamaReference
  readonly signal: AbortSignal
}

/** The manifest of a tag, or the one with a digest: Ollama's registry keeps those among the blobs, others among the manifests. */
export async function fetchManifest(query: RegistryQuery): Promise<PinnedManifest> {
  const { tag, digest } = query.reference
  const bytes = await (digest === undefined ? fetchTagged(query, tag) : fetchPinned(query, digest))
  const found = sha256(bytes)
  if (digest !== undefined && found !== digest) throw otherBytes(`the manifest of ${modelOf(query.reference)}`, digest, found)
  return { ...parse(bytes, Manifest, 'a manifest', query), digest: found }
}

export async function fetchConfig(query: RegistryQuery, blob: OllamaBlob): Promise<OllamaConfig> {
  return parse(await fetchBlob(query, blob, CONFIG_BYTES_MAX), Config, 'a config', query)
}

/** The beginning of a licence's text; undefined when it is too long to be one. */
export async function fetchLicence(query: RegistryQuery, blob: OllamaBlob): Promise<string | undefined> {
  if (blob.size > LICENCE_BYTES_MAX) return undefined
  return new TextDecoder().decode(await fetchBlob(query, blob, LICENCE_BYTES_MAX))
}

async function fetchTagged(query: RegistryQuery, tag: string): Promise<Uint8Array> {
  try {
    return await fetchBytes(query, `manifests/${tag}`, MANIFEST_BYTES_MAX)
  } catch (thrown) {
    if (!isSomaError(thrown, 'source/not-found')) throw thrown
    throw noSuchModel(`ollama/${modelOf(query.reference)}`, `tag ${tag}`, await listTags(query), thrown)
  }
}

async function fetchPinned(query: RegistryQuery, digest: string): Promise<Uint8Array> {
  for (const place of ['blobs', 'manifests'])
    try {
      return await fetchBytes(query, `${place}/${digest}`, MANIFEST_BYTES_MAX)
    } catch (thrown) {
      if (!isSomaError(thrown, 'source/not-found')) throw thrown
    }
  throw noSuchModel(`ollama/${modelOf(query.reference)}`, `manifest ${digest}`, [], undefined)
}

/** A hint for an error: a registry that does not list them gives none. */
async function listTags(query: RegistryQuery): Promise<readonly string[]> {
  try {
    return parse(await fetchBytes(query, 'tags/list', MANIFEST_BYTES_MAX), Tags, 'tags', query).tags
  } catch {
    return []
  }
}

async function fetchBlob(query: RegistryQuery, { digest }: OllamaBlob, sizeBytesMax: number): Promise<Uint8Array> {
  const bytes = await fetchBytes(query, `blobs/${digest}`, sizeBytesMax)
  const found = sha256(bytes)
  if (found !== digest) throw otherBytes(`a layer of ${modelOf(query.reference)}`, digest, found)
  return bytes
}

async function fetchBytes({ fetch, url, signal }: RegistryQuery, path: string, sizeBytesMax: number): Promise<Uint8Array> {
  const accept = 'application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json, */*; q=0.5'
  return readDocument(await fetch(`${url}/${path}`, { headers: { accept }, signal }), sizeBytesMax)
}

function parse<T>(bytes: Uint8Array, schema: z.ZodType<T>, what: string, { reference }: RegistryQuery): T {
  try {
    return schema.parse(parseJson(bytes, what))
  } catch (cause) {
    throw notOllama(modelOf(reference), what, cause)
  }
}

function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}
