import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isSomaError } from '@soma/core'
import { type ZipTestEntry, writeZip } from '@soma/testkit/formats'
import fc from 'fast-check'
import { bytesReader } from '../reader.ts'
import { openZipEntry } from './open-entry.ts'
import { readZip } from './read-zip.ts'

const two: readonly ZipTestEntry[] = [
  { name: 'a/one', bytes: 'one' },
  { name: 'a/two', bytes: 'two '.repeat(100), deflate: true },
]

async function contents(archive: Uint8Array): Promise<Record<string, string>> {
  const reader = bytesReader('m.zip', archive)
  const found: Record<string, string> = {}
  for (const [name, entry] of await readZip(reader)) {
    const inner = await openZipEntry(reader, entry)
    found[name] = Buffer.from(await inner.read(0, inner.sizeBytes)).toString()
  }
  return found
}

async function assertRefused(archive: Uint8Array, code = 'package/invalid-model'): Promise<void> {
  await assert.rejects(contents(archive), (error) => isSomaError(error) && error.code === code)
}

describe('a zip archive', () => {
  it('gives back what was written, stored or deflated, small or in 64 bits, with a comment', async () => {
    const expected = { 'a/one': 'one', 'a/two': 'two '.repeat(100) }
    for (const options of [{}, { large: true }, { comment: 'PK\x05\x06 says nothing' }])
      assert.deepEqual(await contents(writeZip(two, options)), expected)
    assert.deepEqual(await contents(writeZip([{ name: 'a/', bytes: '' }, ...two])), expected)
    const files = fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), fc.string(), { maxKeys: 10 })
    await fc.assert(
      fc.asyncProperty(files, fc.boolean(), fc.boolean(), async (files, deflate, large) => {
        const entries = Object.entries(files).map(([name, bytes]) => ({ name, bytes, deflate }))
        assert.deepEqual({ ...(await contents(writeZip(entries, { large }))) }, { ...files })
      }),
    )
  })

  const [one, other] = [two[0]!, two[1]!]
  const lies: ReadonlyArray<readonly [string, Uint8Array]> = [
    ['two entries of one name', writeZip([one, one])],
    ['an encrypted entry', writeZip([{ ...one, flags: 1 }])],
    ['a method that nobody has', writeZip([{ ...one, method: 12 }])],
    ['a size beyond its end', writeZip([{ ...one, sizeBytes: 100_000 }])],
    ['a size that is larger than what it unpacks to', writeZip([{ ...other, sizeBytes: 500 }])],
    ['a size that is smaller than what it unpacks to', writeZip([{ ...other, sizeBytes: 50 }])],
    ['a local header that says another name', writeZip([{ ...one, localName: 'a/eno' }])],
    ['a local header that says a name of another length', writeZip([{ ...one, localName: 'b' }])],
    ['entries over one another', writeZip([one, { ...one, name: 'b', localName: 'a/one', offset: 0 }])],
    ['an entry behind the directory', writeZip([{ ...one, offset: 90_000 }])],
    ['more entries than there are', writeZip(two, { entries: 3 })],
    ['fewer entries than there are', writeZip(two, { entries: 1 })],
    ['something before it', Buffer.concat([Buffer.from('#!/bin/sh\n'), writeZip(two)])],
    ['something behind it', Buffer.concat([writeZip(two), Buffer.from('x')])],
    ['its end cut off', writeZip(two).subarray(0, -1)],
    ['nothing in it', new Uint8Array(0)],
  ]
  for (const [lie, archive] of lies) it(`is refused for ${lie}`, () => assertRefused(archive))

  it('is refused for names that leave it', async () => {
    for (const name of ['../x', '/x', 'a/../../x', 'c:x', 'a\\b'])
      await assertRefused(writeZip([{ name, bytes: '' }]), 'package/unsafe-path')
  })
})
