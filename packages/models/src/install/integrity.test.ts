import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import type { Artifact } from '@soma/spec'
import { checkIntegrity } from './integrity.ts'

const bytes = Buffer.from('weights')
const sha256 = createHash('sha256').update(bytes).digest('hex')
const check = (promised: Partial<Artifact>) =>
  checkIntegrity(
    { key: 'k', path: 'm.pth', kind: 'file', ...promised },
    { sizeBytes: bytes.byteLength, digest: async (algorithm) => createHash(algorithm).update(bytes).digest('hex') },
  )

test('a promised beginning of the sha256 is held against the bytes', async () => {
  await check({ sha256Prefix: sha256.slice(0, 8) })
  await check({ sha256Prefix: sha256, integrity: { algorithm: 'sha256', digest: sha256 } })
  await assert.rejects(check({ sha256Prefix: '00000000' }), {
    code: 'package/hash-mismatch',
    message: /expected sha256:00000000…, found sha256:/,
  })
})

test('size and whole hash are checked first', async () => {
  await assert.rejects(check({ sizeBytes: 6, sha256Prefix: '00000000' }), { code: 'package/size-mismatch' })
  const integrity = { algorithm: 'sha1' as const, digest: '0'.repeat(40) }
  await assert.rejects(check({ integrity, sha256Prefix: sha256.slice(0, 8) }), {
    code: 'package/hash-mismatch',
    message: /expected sha1:0{40}/,
  })
})
