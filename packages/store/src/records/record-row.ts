import { hash } from 'node:crypto'
import { SomaError, canonicalJson } from '@soma/core'
import type { StoredRecord } from './records.ts'

/** A row of the table `records`, as SQLite gives it: nothing about it is certain before `readRow`. */
export type RecordRow = Readonly<Record<string, unknown>>

/** sha256 of the JSON text a value is stored as, lower-case hex: what `StoredRecord.digest` will be. */
export function recordDigest(value: unknown): string {
  return hash('sha256', canonicalJson(value))
}

/** What ties a row together. `kind` holds no line break, and `digest` and `blobs` come before the key, which may. */
export function rowChecksum(row: { readonly kind: string; readonly key: string; readonly blobs: string; readonly digest: string }): string {
  return hash('sha256', `${row.kind}\n${row.digest}\n${row.blobs}\n${row.key}`)
}

/** @throws {SomaError} `store/corrupt` naming the record. */
export function readRow(kind: string, row: RecordRow): StoredRecord {
  const { key, value, digest } = row
  if (!isIntact(kind, row) || typeof value !== 'string' || hash('sha256', value) !== digest) throw corruptRecord(kind, key)
  return { key: key as string, value: JSON.parse(value), digest }
}

/** The digests of the blobs a row refers to. @throws {SomaError} `store/corrupt` naming the record. */
export function readBlobs(row: RecordRow): string[] {
  const { kind, key, blobs } = row
  if (typeof kind !== 'string' || !isIntact(kind, row)) throw corruptRecord(String(kind), key)
  return JSON.parse(blobs as string) as string[]
}

function isIntact(kind: string, row: RecordRow): boolean {
  const { key, blobs, digest, checksum } = row
  if (row['kind'] !== kind || typeof key !== 'string' || typeof blobs !== 'string' || typeof digest !== 'string') return false
  return rowChecksum({ kind, key, blobs, digest }) === checksum
}

function corruptRecord(kind: string, key: unknown): SomaError {
  const record = `${kind}/${String(key)}`
  return new SomaError('store/corrupt', `record ${record} does not match its checksum; remove it, or restore a backup`, {
    details: { record },
  })
}
