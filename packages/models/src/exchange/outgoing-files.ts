import { createHash } from 'node:crypto'
import { type BlobDigest, SomaError, isSomaError, throwIfAborted } from '@soma/core'
import { MANIFEST_FILE_NAME } from '@soma/spec'
import type { Store } from '@soma/store'
import type { InstalledModel } from '../ports.ts'
import { packedDocuments } from '../signing/packed-documents.ts'

/** A file of a package that leaves this machine. */
export interface OutgoingContent {
  readonly path: string
  readonly sizeBytes: number
  readonly digest: BlobDigest
  /** The bytes from `begin` on, unchecked. @throws {SomaError} `package/corrupt` when they are gone. */
  open(begin: number): AsyncIterable<Uint8Array>
}

/** All files of a package as others get it: manifest first, then the rest in the order of their paths, the signature among them. */
export function outgoingFiles(store: Pick<Store, 'blobs'>, model: InstalledModel): OutgoingContent[] {
  const { manifest, bundles } = packedDocuments(model)
  const blobs = model.files.map((file) => blobContent(store, model, file))
  const signatures = Object.entries(bundles).map(([path, text]) => textContent(path, text))
  return [textContent(MANIFEST_FILE_NAME, manifest), ...[...blobs, ...signatures].sort((a, b) => (a.path < b.path ? -1 : 1))]
}

/** The bytes of a file, hashed on the way. @throws {SomaError} `package/corrupt` at the end when they are not the file's. */
export async function* checkedBytes(
  model: InstalledModel,
  file: OutgoingContent,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, void> {
  const hash = createHash('sha256')
  for await (const chunk of file.open(0)) {
    throwIfAborted(signal)
    hash.update(chunk)
    yield chunk
  }
  if (`sha256:${hash.digest('hex')}` !== file.digest) throw corrupt(model, file, 'its bytes are not what they were')
}

function textContent(path: string, text: string): OutgoingContent {
  const bytes = Buffer.from(text)
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}` as BlobDigest
  return {
    path,
    sizeBytes: bytes.byteLength,
    digest,
    async *open(begin) {
      yield bytes.subarray(begin)
    },
  }
}

function blobContent({ blobs }: Pick<Store, 'blobs'>, model: InstalledModel, file: InstalledModel['files'][number]): OutgoingContent {
  const { path, sizeBytes, digest } = file
  return {
    path,
    sizeBytes,
    digest,
    async *open(begin) {
      try {
        if (blobs.sizeBytes(digest) !== sizeBytes) throw corrupt(model, file, 'it has another size than it had')
        yield* blobs.read(digest, { begin, end: sizeBytes })
      } catch (error) {
        throw isSomaError(error, 'store/not-found') ? corrupt(model, file, 'it is missing') : error
      }
    },
  }
}

function corrupt(model: InstalledModel, { path, digest }: Pick<OutgoingContent, 'path' | 'digest'>, reason: string): SomaError {
  return new SomaError(
    'package/corrupt',
    `${path} of ${model.name} is damaged: ${reason}; repair it with soma model verify ${model.name} --repair`,
    {
      details: { model: model.name, path, digest, reason },
    },
  )
}
