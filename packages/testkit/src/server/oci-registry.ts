import { createHash } from 'node:crypto'
import type { Served, ServedFile, ServedRequest } from './served-file.ts'

export interface OciLayer {
  readonly mediaType: string
  readonly bytes: Uint8Array | string
  readonly annotations?: Readonly<Record<string, string>>
}

export interface OciArtifact {
  readonly layers: readonly OciLayer[]
  /** The empty descriptor by default. */
  readonly config?: { readonly mediaType: string; readonly bytes: Uint8Array | string }
  readonly artifactType?: string
  readonly mediaType?: string
  readonly annotations?: Readonly<Record<string, string>>
}

/** Several manifests behind one tag. */
export interface OciIndexOf {
  readonly manifests: ReadonlyArray<
    OciArtifact & { readonly platform?: object; readonly entryAnnotations?: Readonly<Record<string, string>> }
  >
}

export interface OciRegistryOptions {
  /** The token flow: a registry that wants `Bearer`, and a token service on the same server that knows these people. */
  readonly token?: {
    readonly value: string
    /** The Authorization header that the token service wants; none for a registry that gives everybody a token. */
    readonly authorization?: string
  }
  /** A registry that wants this Authorization header itself. */
  readonly authorization?: string
}

/** Files for `createFaultyServer` that look like an OCI registry: manifests by tag and digest, blobs, tags, tokens. Read-only. */
export function ociRegistry(
  repositories: Readonly<Record<string, Readonly<Record<string, OciArtifact | OciIndexOf>>>>,
  options: OciRegistryOptions = {},
): Record<string, Served> {
  const files: Record<string, Served> = {}
  for (const [repository, tags] of Object.entries(repositories)) {
    const at = `/v2/${repository}`
    const put = (path: string, file: ServedFile): void => void (files[`${at}/${path}`] = guarded(file, repository, options))
    put('tags/list', { contentType: 'application/json', body: JSON.stringify({ name: repository, tags: Object.keys(tags) }) })
    for (const [tag, artifact] of Object.entries(tags)) put(`manifests/${tag}`, putArtifact(artifact, put))
  }
  if (options.token) files['/token'] = tokenService(options.token)
  return files
}

type Put = (path: string, file: ServedFile) => void

/** Puts the blobs and the manifest under their digests. */
function putArtifact(artifact: OciArtifact | OciIndexOf, put: Put): ServedFile {
  if ('manifests' in artifact) return putIndex(artifact, put)
  const { layers, config = { mediaType: 'application/vnd.oci.empty.v1+json', bytes: '{}' }, ...rest } = artifact
  const mediaType = artifact.mediaType ?? 'application/vnd.oci.image.manifest.v1+json'
  const manifest = {
    schemaVersion: 2,
    ...rest,
    mediaType,
    config: putBlob(config, put),
    layers: layers.map((layer) => putBlob(layer, put)),
  }
  return putDocument(manifest, mediaType, put)
}

function putIndex({ manifests }: OciIndexOf, put: Put): ServedFile {
  const entries = manifests.map(({ platform, entryAnnotations, ...artifact }) => {
    const { body, contentType } = putArtifact(artifact, put)
    const bytes = Buffer.from(body as Uint8Array)
    return { mediaType: contentType, digest: digestOf(bytes), size: bytes.byteLength, platform, annotations: entryAnnotations }
  })
  const mediaType = 'application/vnd.oci.image.index.v1+json'
  return putDocument({ schemaVersion: 2, mediaType, manifests: entries }, mediaType, put)
}

function putDocument(document: object, contentType: string, put: Put): ServedFile {
  const body = Buffer.from(JSON.stringify(document))
  const digest = digestOf(body)
  const file: ServedFile = { body, contentType, etag: null, headers: { 'docker-content-digest': digest } }
  put(`manifests/${digest}`, file)
  return file
}

function putBlob({ bytes, ...descriptor }: OciLayer, put: Put): object {
  const body = Buffer.from(bytes)
  const digest = digestOf(body)
  put(`blobs/${digest}`, { body, etag: `"${digest}"`, headers: { 'docker-content-digest': digest } })
  return { ...descriptor, digest, size: body.byteLength }
}

function guarded(file: ServedFile, repository: string, { token, authorization }: OciRegistryOptions): Served {
  if (authorization !== undefined) return { ...file, authorization }
  if (token === undefined) return file
  return ({ origin, headers }) => {
    if (headers['authorization'] === `Bearer ${token.value}`) return file
    const challenge = `Bearer realm="${origin}/token",service="testkit",scope="repository:${repository}:pull"`
    return { status: 401, body: 'a token, please', headers: { 'www-authenticate': challenge } }
  }
}

function tokenService({ value, authorization }: NonNullable<OciRegistryOptions['token']>): Served {
  return ({ headers, query }: ServedRequest): ServedFile => {
    const asked = new URLSearchParams(query)
    if (authorization !== undefined && headers['authorization'] !== authorization) return { status: 401, body: 'who are you' }
    if (asked.get('service') !== 'testkit' || !/^repository:.+:pull$/.test(asked.get('scope') ?? ''))
      return { status: 400, body: 'for what' }
    return { contentType: 'application/json', body: JSON.stringify({ token: value, expires_in: 300 }) }
  }
}

function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}
