import { SomaError, isSomaError } from '@soma/core'
import type { HttpReply } from '@soma/spec'
import { BoundedMap } from './bounded-map.ts'
import { PIECE_BYTES, UPLOADS_MAX, WHOLE_UPLOAD_BYTES_MAX } from './limits.ts'
import type { Repository } from './registry.ts'

/** Bytes that go to a registry as a blob. */
export interface OutgoingBlob {
  /** For errors: the file's path. */
  readonly what: string
  readonly digest: string
  readonly sizeBytes: number
  open(begin: number): AsyncIterable<Uint8Array>
}

export interface UploadOptions {
  readonly signal: AbortSignal
  readonly sent: (sentBytes: number) => void
}

export interface UploadSizes {
  readonly wholeBytesMax: number
  readonly pieceBytes: number
}

const defaultSizes: UploadSizes = { wholeBytesMax: WHOLE_UPLOAD_BYTES_MAX, pieceBytes: PIECE_BYTES }

/** Where an upload goes on, and how much of it the registry has. */
interface Session {
  readonly location: string
  readonly offset: number
}

/**
 * Uploads blobs. One that breaks is remembered, so that sending it again goes on where the registry says: in the middle of a piece for
 * some, after the last whole piece for the reference implementation, which forgets an upload whose piece broke.
 */
export class Uploader {
  readonly #sizes: UploadSizes
  readonly #broken = new BoundedMap<string>(UPLOADS_MAX)

  constructor(sizes: UploadSizes = defaultSizes) {
    this.#sizes = sizes
  }

  async upload(blob: OutgoingBlob, repository: Repository, options: UploadOptions): Promise<void> {
    const key = `${repository.name}@${blob.digest}`
    let session = (await this.#resume(key, blob, { ...options, repository })) ?? (await begin(repository, options))
    if (blob.sizeBytes > this.#sizes.wholeBytesMax || session.offset > 0) {
      for (; session.offset < blob.sizeBytes;) {
        this.#broken.set(key, session.location)
        const next = await sendPiece(blob, session, { ...options, repository, pieceBytes: this.#sizes.pieceBytes })
        if (next.offset <= session.offset || next.offset > blob.sizeBytes) {
          // Going on would never end.
          this.#broken.delete(key)
          throw lostCount(blob, repository)
        }
        session = next
      }
    }
    await finish(blob, session, { ...options, repository })
    this.#broken.delete(key)
  }

  /** Asks how far a broken upload came; undefined when the registry no longer knows it. */
  async #resume(
    key: string,
    { sizeBytes }: OutgoingBlob,
    { repository, signal }: UploadOptions & { readonly repository: Repository },
  ): Promise<Session | undefined> {
    const location = this.#broken.get(key)
    if (location === undefined) return undefined
    this.#broken.delete(key)
    using reply = await repository.fetch(location, { statuses: [400, 404, 410, 416], signal })
    const session = reply.status === 204 ? sessionOf(reply, location) : undefined
    return session && session.offset <= sizeBytes ? session : undefined
  }
}

async function begin(repository: Repository, { signal }: UploadOptions): Promise<Session> {
  using reply = await repository.fetch(`${repository.base}/blobs/uploads/`, { method: 'POST', signal }).catch((thrown: unknown) => {
    throw takesNothing(thrown, repository)
  })
  return { ...sessionOf(reply, `${repository.base}/blobs/uploads/`), offset: 0 }
}

/** One PATCH. A body that goes from the first byte to the last has no Content-Range: some registries take only those. */
async function sendPiece(
  blob: OutgoingBlob,
  session: Session,
  { repository, pieceBytes, sent, signal }: UploadOptions & { readonly repository: Repository; readonly pieceBytes: number },
): Promise<Session> {
  const end = Math.min(session.offset + pieceBytes, blob.sizeBytes)
  const isWhole = session.offset === 0 && end === blob.sizeBytes
  const headers = {
    'content-type': 'application/octet-stream',
    'content-length': String(end - session.offset),
    ...(!isWhole && { 'content-range': `${session.offset}-${end - 1}` }),
  }
  const body = counted(blob, session.offset, { end, sent })
  using reply = await repository.fetch(session.location, { method: 'PATCH', headers, body, signal })
  const next = sessionOf(reply, session.location)
  // A registry that says nothing took all; one that took less says how much, and that is where the next piece begins.
  return reply.headers['range'] === undefined ? { ...next, offset: end } : next
}

/** Closes the upload; a small blob travels with it. */
async function finish(
  blob: OutgoingBlob,
  session: Session,
  { repository, sent, signal }: UploadOptions & { readonly repository: Repository },
): Promise<void> {
  const url = new URL(session.location)
  url.searchParams.set('digest', blob.digest)
  const left = blob.sizeBytes - session.offset
  const headers = { 'content-type': 'application/octet-stream', 'content-length': String(left) }
  const body = left === 0 ? new Uint8Array() : counted(blob, session.offset, { end: blob.sizeBytes, sent })
  using _ = await repository.fetch(url.href, { method: 'PUT', headers, body, signal }).catch((thrown: unknown) => {
    throw refusedDigest(thrown, blob)
  })
}

async function* counted(
  blob: OutgoingBlob,
  begin: number,
  { end, sent }: { readonly end: number; readonly sent: (bytes: number) => void },
): AsyncGenerator<Uint8Array> {
  let at = begin
  for await (const chunk of blob.open(begin)) {
    const piece = chunk.subarray(0, end - at)
    yield piece
    at += piece.byteLength
    sent(at)
    if (at >= end) return
  }
}

/** `Range: 0-99` says that 100 bytes are there; `0-0` is also what some say of none, and starting anew costs nothing then. */
function sessionOf(reply: HttpReply, base: string): Session {
  const { location: named = base } = reply.headers
  if (!URL.canParse(named, base))
    throw new SomaError(
      'source/unavailable',
      `${new URL(base).host} says that the upload goes on at ${JSON.stringify(named.slice(0, 200))}, which is no address`,
      {
        details: { host: new URL(base).host },
        retryable: false,
      },
    )
  const location = new URL(named, base).href
  const last = Number(/^(?:bytes=)?0-(\d{1,15})$/.exec(reply.headers['range'] ?? '')?.[1] ?? 0)
  return { location, offset: last === 0 ? 0 : last + 1 }
}

function refusedDigest(thrown: unknown, { what, digest }: OutgoingBlob): unknown {
  if (!isSomaError(thrown, 'source/unavailable') || thrown.details['status'] !== 400) return thrown
  const message = `the registry refused ${what}: the bytes that it got do not have the digest ${digest}; verify the model and publish it again`
  return new SomaError('package/hash-mismatch', message, { details: { path: what, expected: digest }, cause: thrown })
}

function takesNothing(thrown: unknown, { name }: Repository): unknown {
  const status = isSomaError(thrown) ? thrown.details['status'] : undefined
  if (status !== 405 && status !== 404) return thrown
  return new SomaError('source/unsupported', `${name} takes no uploads: the registry is read-only, or no registry`, { cause: thrown })
}

/** Where it says how much it has, that is neither more than before nor at most all. */
function lostCount({ what }: OutgoingBlob, { name }: Repository): SomaError {
  return new SomaError('source/unavailable', `${name} took a piece of ${what} and has lost count of its bytes; publish it again`, {
    details: { path: what },
  })
}
