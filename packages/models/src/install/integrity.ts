import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { SomaError } from '@soma/core'
import type { Artifact, Integrity } from '@soma/spec'

/** Bytes that can be checked: how many, and what they hash to. */
export interface Checkable {
  readonly sizeBytes: number
  digest(algorithm: Integrity['algorithm']): Promise<string>
}

/** @throws {SomaError} `package/size-mismatch`, `package/hash-mismatch` naming what was promised and what came. */
export async function checkIntegrity(artifact: Artifact, bytes: Checkable): Promise<void> {
  const { sizeBytes, integrity, sha256Prefix } = artifact
  if (sizeBytes !== undefined && bytes.sizeBytes !== sizeBytes) throw sizeMismatch(artifact, bytes.sizeBytes)
  if (integrity) {
    const found = await bytes.digest(integrity.algorithm)
    if (found !== integrity.digest)
      throw hashMismatch(artifact, `${integrity.algorithm}:${integrity.digest}`, `${integrity.algorithm}:${found}`)
  }
  if (sha256Prefix === undefined) return
  const found = await bytes.digest('sha256')
  if (!found.startsWith(sha256Prefix)) throw hashMismatch(artifact, `sha256:${sha256Prefix}…`, `sha256:${found}`)
}

function hashMismatch({ path }: Artifact, expected: string, found: string): SomaError {
  const message = `${path} is not what was promised: expected ${expected}, found ${found}`
  return new SomaError('package/hash-mismatch', message, { details: { path, expected, found } })
}

/** `found` in words where nobody knows how many there are. */
export function sizeMismatch({ path, sizeBytes }: Artifact, found: number | string): SomaError {
  return new SomaError('package/size-mismatch', `${path} has ${found} bytes; ${sizeBytes ?? 'other'} were promised`, {
    details: { path, expected: sizeBytes ?? null, found },
  })
}

/** A file on this disk as something to check. */
export function checkableFile(path: string, options: { readonly sizeBytes: number; readonly signal: AbortSignal }): Checkable {
  return {
    sizeBytes: options.sizeBytes,
    digest: async (algorithm) => {
      const hash = createHash(algorithm)
      for await (const chunk of createReadStream(path, { signal: options.signal, highWaterMark: 1024 * 1024 })) hash.update(chunk as Buffer)
      return hash.digest('hex')
    },
  }
}
