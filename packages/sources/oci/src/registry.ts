import { type HttpFetch, type HttpReply, type SourceDeps, readDocument } from '@soma/spec'
import { type Authorizer, type Scope } from './authorize.ts'
import { MANIFEST_BYTES_MAX, TAGS_ASKED, TAGS_BYTES_MAX } from './limits.ts'
import { type Descriptor, checkDigest, digestOf } from './manifest.ts'
import { INDEX_TYPES, MANIFEST_TYPES } from './media-types.ts'
import { isDigest, isTag, type OciReference } from './reference.ts'
import { registryOrigin } from './options.ts'
import { parseJson } from '@soma/core'
import { z } from 'zod'

const TagsList = z.looseObject({ tags: z.array(z.string()).nullable().default([]) })

/** One repository of a registry, by the OCI distribution specification 1.1. */
export class Repository {
  readonly name: string
  readonly base: string
  readonly fetch: HttpFetch

  constructor(
    reference: Pick<OciReference, 'host' | 'repository'>,
    actions: Scope['actions'],
    deps: { source: SourceDeps; authorizer: Authorizer },
  ) {
    const { host, repository } = reference
    this.name = `${host}/${repository}`
    this.base = `${registryOrigin(host, deps.source.env)}/v2/${repository}`
    this.fetch = deps.authorizer.fetchFor({ host, repository, actions })
  }

  /** The bytes of a manifest or index, checked against the digest that was asked for or that the registry names. */
  async manifest(wanted: string, signal: AbortSignal): Promise<{ readonly bytes: Uint8Array; readonly digest: string }> {
    const accept = [...MANIFEST_TYPES, ...INDEX_TYPES].join(', ')
    const reply = await this.fetch(`${this.base}/manifests/${wanted}`, { headers: { accept }, signal })
    const bytes = await readDocument(reply, MANIFEST_BYTES_MAX)
    const named = reply.headers['docker-content-digest']
    const promised = isDigest(wanted) ? wanted : named !== undefined && isDigest(named) ? named : undefined
    if (promised !== undefined) checkDigest(bytes, promised, `the manifest of ${this.name}`)
    return { bytes, digest: promised ?? digestOf(bytes) }
  }

  /** A small blob, whole and checked. */
  async blob({ digest, mediaType }: Descriptor, sizeBytesMax: number, signal: AbortSignal): Promise<Uint8Array> {
    const reply = await this.fetch(this.blobUrl(digest), { signal })
    const bytes = await readDocument(reply, sizeBytesMax)
    checkDigest(bytes, digest, `${mediaType} of ${this.name}`)
    return bytes
  }

  blobUrl(digest: string): string {
    return `${this.base}/blobs/${digest}`
  }

  async hasBlob(digest: string, signal: AbortSignal): Promise<boolean> {
    using reply: HttpReply = await this.fetch(this.blobUrl(digest), { method: 'HEAD', statuses: [404], signal })
    return reply.status !== 404
  }

  async tags(signal: AbortSignal): Promise<string[]> {
    const reply = await this.fetch(`${this.base}/tags/list?n=${TAGS_ASKED}`, { signal })
    const { tags } = TagsList.parse(parseJson(await readDocument(reply, TAGS_BYTES_MAX)))
    return (tags ?? []).filter(isTag)
  }
}
