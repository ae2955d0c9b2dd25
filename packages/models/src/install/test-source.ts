import { createHash } from 'node:crypto'
import { SomaError, defined } from '@soma/core'
import type { Artifact, Download, DownloadOptions, Resolution, Source } from '@soma/spec'

/** What a download of one artifact does wrong, once. */
export interface TestFault {
  /** Thrown instead of answering. */
  readonly error?: SomaError
  /** The connection breaks after so many bytes. */
  readonly cutAfter?: number
  /** The answer begins at 0 whatever was asked for. */
  readonly ignoresOffset?: boolean
  readonly validator?: string
  /** Bytes sent instead of the real ones. */
  readonly bytes?: Uint8Array
  /** Awaited before each chunk. */
  readonly gate?: () => Promise<void>
}

export interface TestArtifact {
  readonly bytes: Uint8Array
  readonly kind?: Artifact['kind']
  readonly stripComponents?: number
  readonly localPath?: string
  readonly localImmutable?: boolean
  readonly content?: Uint8Array
  /** Hashes of pieces of this size are promised, too. */
  readonly chunkBytes?: number
  /** What is promised of the bytes; both by default. */
  readonly promises?: 'all' | 'size' | 'nothing'
  readonly algorithm?: 'sha256' | 'sha512' | 'sha1'
}

/** A source that serves from memory, counts what it sends, and fails as told. */
export class TestSource implements Source {
  readonly sourceVersion = 1
  readonly scheme = 'test'
  readonly title = 'Test'
  readonly example = 'test/model'
  readonly chunkBytes: number
  /** Bytes given out, by artifact key. */
  readonly sent = new Map<string, number>()
  /** Downloads begun, in order: key and offset. */
  readonly requests: Array<{ readonly key: string; readonly offset: number }> = []
  readonly resolveFaults: SomaError[] = []
  readonly #packages = new Map<string, { readonly files: Readonly<Record<string, TestArtifact>>; readonly more: Partial<Resolution> }>()
  readonly #faults = new Map<string, TestFault[]>()

  constructor(chunkBytes = 1000) {
    this.chunkBytes = chunkBytes
  }

  serve(name: string, files: Readonly<Record<string, TestArtifact | Uint8Array | string>>, more: Partial<Resolution> = {}): void {
    const entries = Object.entries(files).map(
      ([path, file]) => [path, typeof file === 'string' || file instanceof Uint8Array ? { bytes: Buffer.from(file) } : file] as const,
    )
    this.#packages.set(name, { files: Object.fromEntries(entries), more })
  }

  fail(key: string, ...faults: TestFault[]): void {
    this.#faults.set(key, [...(this.#faults.get(key) ?? []), ...faults])
  }

  heal(key: string): void {
    this.#faults.delete(key)
  }

  get sentBytes(): number {
    return this.sent.values().reduce((sum, bytes) => sum + bytes, 0)
  }

  async resolve(wanted: string, { signal }: { readonly signal: AbortSignal }): Promise<Resolution> {
    signal.throwIfAborted()
    const fault = this.resolveFaults.shift()
    if (fault) throw fault
    // What it pins, it knows: as what is served now.
    const name = this.#packages.has(wanted) ? wanted : wanted.replace(/@[^@]*$/, '')
    const found = this.#packages.get(name)
    if (!found) throw new SomaError('source/not-found', `no package ${name}`)
    const artifacts = Object.entries(found.files).map(([path, file]) => toArtifact(name, path, file))
    return { reference: `test/${name}@1.0.0`, suggestedName: name, version: '1.0.0', artifacts, ...found.more }
  }

  async download(artifact: Artifact, { offset, validator, signal }: DownloadOptions): Promise<Download> {
    signal.throwIfAborted()
    const [name = '', path = ''] = artifact.key.split('!')
    const file = defined(this.#packages.get(name)?.files[path], 'a served artifact')
    const fault = this.#faults.get(artifact.key)?.shift() ?? {}
    this.requests.push({ key: artifact.key, offset })
    if (fault.error) throw fault.error
    const bytes = fault.bytes ?? file.bytes
    const current = fault.validator ?? 'v1'
    const from = fault.ignoresOffset || (offset > 0 && validator !== undefined && validator !== current) ? 0 : offset
    return {
      offset: from,
      sizeBytes: bytes.byteLength,
      validator: current,
      body: this.#body(artifact, bytes.subarray(from), { fault, signal }),
    }
  }

  async *#body(
    { key }: Artifact,
    bytes: Uint8Array,
    { fault, signal }: { readonly fault: TestFault; readonly signal: AbortSignal },
  ): AsyncGenerator<Uint8Array> {
    const end = Math.min(bytes.byteLength, fault.cutAfter ?? Infinity)
    for (let at = 0; at < end; at += this.chunkBytes) {
      await fault.gate?.()
      await Promise.resolve()
      signal.throwIfAborted()
      const chunk = Uint8Array.from(bytes.subarray(at, Math.min(at + this.chunkBytes, end)))
      this.sent.set(key, (this.sent.get(key) ?? 0) + chunk.byteLength)
      yield chunk
    }
    if (fault.cutAfter !== undefined) throw new SomaError('source/unavailable', 'the connection broke')
  }
}

function toArtifact(name: string, path: string, file: TestArtifact): Artifact {
  const { bytes, kind = 'file', promises = 'all', algorithm = 'sha256', stripComponents, localPath, localImmutable, content } = file
  return {
    key: `${name}!${path}`,
    path,
    kind,
    ...(stripComponents !== undefined && { stripComponents }),
    ...(localPath !== undefined && { localPath }),
    ...(localImmutable !== undefined && { localImmutable }),
    ...(content !== undefined && { content }),
    ...(file.chunkBytes !== undefined && { chunks: { sizeBytes: file.chunkBytes, sha256: chunkHashesOf(bytes, file.chunkBytes) } }),
    ...(promises !== 'nothing' && { sizeBytes: bytes.byteLength }),
    ...(promises === 'all' && { integrity: { algorithm, digest: createHash(algorithm).update(bytes).digest('hex') } }),
  }
}

function chunkHashesOf(bytes: Uint8Array, chunkBytes: number): string[] {
  return Array.from({ length: Math.ceil(bytes.byteLength / chunkBytes) }, (_, chunk) =>
    createHash('sha256')
      .update(bytes.subarray(chunk * chunkBytes, (chunk + 1) * chunkBytes))
      .digest('hex'),
  )
}
