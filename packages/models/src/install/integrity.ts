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
  const { path, sizeBytes, integrity } = artifact
  if (sizeBytes !== undefined && bytes.sizeBytes !== sizeBytes) throw sizeMismatch(artifact, bytes.sizeBytes)
  if (!integrity) return
  const found = await bytes.digest(integrity.algorithm)
  if (found === integrity.digest) return
  const expected = `${integrity.algorithm}:${integrity.digest}`
  throw new SomaError(
    'package/hash-mismatch',
    `${path} is not what was promised: expected ${expected}, found ${integrity.algorithm}:${found}`,
    {
      details: { path, expected, found: `${integrity.algorithm}:${found}` },
    },
  )
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
