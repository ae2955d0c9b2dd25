import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { type ErrorCode, isSomaError } from '@soma/core'
import type { Artifact, Download } from '@soma/spec'

/** A check for `assert.rejects`. */
export function failsWith(...codes: readonly ErrorCode[]): (thrown: unknown) => true {
  return (thrown) => {
    assert.ok(isSomaError(thrown), `expected a SomaError, got ${String(thrown)}`)
    assert.ok(codes.includes(thrown.code), `expected ${codes.join(' or ')}, got ${thrown.code}: ${thrown.message}`)
    return true
  }
}

export async function readAll(download: Download): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of download.body) chunks.push(chunk)
  return new Uint8Array(Buffer.concat(chunks))
}

export function assertIntact(artifact: Artifact, bytes: Uint8Array): void {
  if (artifact.sizeBytes !== undefined) assert.equal(bytes.byteLength, artifact.sizeBytes)
  const { sha256Prefix = '' } = artifact
  assert.ok(
    createHash('sha256').update(bytes).digest('hex').startsWith(sha256Prefix),
    `${artifact.path} does not begin with ${sha256Prefix}`,
  )
  if (artifact.integrity === undefined) return
  const { algorithm, digest } = artifact.integrity
  assert.equal(createHash(algorithm).update(bytes).digest('hex'), digest)
}

/** Everything that a thrown value shows to anybody: message, stack, details, and the same of its causes. */
export function shownBy(thrown: unknown): string {
  if (!(thrown instanceof Error)) return JSON.stringify(thrown)
  const { details } = thrown as { readonly details?: unknown }
  return [thrown.message, thrown.stack, JSON.stringify(details), thrown.cause === undefined ? '' : shownBy(thrown.cause)].join('\n')
}
