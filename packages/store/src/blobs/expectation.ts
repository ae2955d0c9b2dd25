import { SomaError } from '@soma/core'
import type { BlobWriteOptions, StoredBlob } from './blob-store.ts'

type Expected = BlobWriteOptions['expected']

/** @throws {SomaError} `package/size-mismatch` as soon as there are more bytes than promised: they must not fill the disk. */
export function checkNotLarger(sizeBytes: number, expected: Expected): void {
  if (expected?.sizeBytes !== undefined && sizeBytes > expected.sizeBytes)
    throw sizeMismatch(`more than ${expected.sizeBytes}`, sizeBytes, expected.sizeBytes)
}

/** @throws {SomaError} `package/size-mismatch`, `package/hash-mismatch`. */
export function checkExpected(actual: StoredBlob, expected: Expected): void {
  const { digest, sizeBytes } = expected ?? {}
  if (sizeBytes !== undefined && actual.sizeBytes !== sizeBytes) throw sizeMismatch(String(actual.sizeBytes), actual.sizeBytes, sizeBytes)
  if (digest !== undefined && actual.digest !== digest)
    throw new SomaError('package/hash-mismatch', `expected ${digest}, but the bytes that came are ${actual.digest}; nothing was kept`, {
      details: { expected: digest, actual: actual.digest },
    })
}

function sizeMismatch(came: string, actual: number, expected: number): SomaError {
  return new SomaError('package/size-mismatch', `expected ${expected} bytes, but ${came} came; nothing was kept`, {
    details: { expected, actual },
  })
}
