import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { SomaError } from '@soma/core'

/** Bytes that git holds under a name: `sha1("blob <size>\0" + bytes)`. */
export interface GitBlob {
  readonly path: string
  readonly sizeBytes: number
  readonly oid: string
}

/** A body that throws `package/hash-mismatch` at its end unless it was that blob. */
export function gitVerified(body: AsyncIterable<Uint8Array>, blob: GitBlob): AsyncIterable<Uint8Array> {
  return { [Symbol.asyncIterator]: () => verifiedIterator(body[Symbol.asyncIterator](), blob) }
}

/** Written out instead of a generator, whose `finally` does not run when it is ended before it began. */
function verifiedIterator(chunks: AsyncIterator<Uint8Array>, blob: GitBlob): AsyncIterator<Uint8Array> {
  const hash = gitHash(blob.sizeBytes)
  return {
    next: async () => {
      const next = await chunks.next()
      if (next.done !== true) hash.update(next.value)
      else if (hash.digest('hex') !== blob.oid) throw mismatch(blob)
      return next
    },
    return: async () => (await chunks.return?.()) ?? { done: true, value: undefined },
  }
}

/** Whether a file on this disk is that blob. */
export async function isGitBlob(file: string, { sizeBytes, oid }: Omit<GitBlob, 'path'>, signal: AbortSignal): Promise<boolean> {
  const hash = gitHash(sizeBytes)
  for await (const chunk of createReadStream(file, { signal })) hash.update(chunk as Buffer)
  return hash.digest('hex') === oid
}

function gitHash(sizeBytes: number) {
  return createHash('sha1').update(`blob ${sizeBytes}\0`)
}

function mismatch({ path, oid }: GitBlob): SomaError {
  return new SomaError('package/hash-mismatch', `${path} is not what was promised: its git hash is not ${oid}`, {
    details: { path, expected: `git:${oid}` },
  })
}
