import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isSomaError } from '@soma/core'
import type { Artifact, Source } from '@soma/spec'
import { assertIntact, failsWith, readAll } from './checks.ts'
import type { Arranged } from './compliance.ts'

const signal = new AbortController().signal

export function downloading(arrange: () => Promise<Arranged>): void {
  void test('every artifact downloads whole, with the promised size and hash', async () => {
    await using place = await arrange()
    const { source } = place.open()
    const { artifacts } = await source.resolve(place.fixture.good, { signal })
    for (const artifact of artifacts) {
      if (artifact.content !== undefined) {
        assertIntact(artifact, artifact.content)
        assert.deepEqual(new Uint8Array(artifact.content), new Uint8Array(place.fixture.bytes(artifact.path)))
        continue
      }
      const download = await source.download(artifact, { offset: 0, signal })
      assert.equal(download.offset, 0)
      const bytes = await readAll(download)
      assertIntact(artifact, bytes)
      assert.deepEqual(bytes, new Uint8Array(place.fixture.bytes(artifact.path)))
      if (download.sizeBytes !== undefined) assert.equal(download.sizeBytes, bytes.byteLength)
    }
  })

  void test('a download goes on from any offset, also in another process', async () => {
    await using place = await arrange()
    const { artifact, bytes, validator } = await place.first()
    for (const offset of [1, bytes.byteLength >> 1, bytes.byteLength - 1, bytes.byteLength]) {
      const download = await place.open().source.download(artifact, { offset, signal, ...(validator !== undefined && { validator }) })
      assert.equal(download.offset, offset)
      assert.deepEqual(await readAll(download), bytes.subarray(offset))
    }
  })

  void test('an offset with the validator of other bytes starts anew', async () => {
    await using place = await arrange()
    const { artifact, bytes } = await place.first()
    const download = await place.open().source.download(artifact, { offset: 7, validator: '"of other bytes"', signal })
    assert.equal(download.offset, 0)
    assert.deepEqual(await readAll(download), bytes)
  })

  void test('bytes that changed since are refused, or come from the start under another validator', async () => {
    await using place = await arrange()
    const { artifact, validator } = await place.first()
    await place.fixture.change()
    const options = { offset: 7, signal, ...(validator !== undefined && { validator }) }
    const download = await place
      .open()
      .source.download(artifact, options)
      .catch((thrown: unknown) => {
        failsWith('source/not-found')(thrown)
      })
    if (!download) return
    assert.equal(download.offset, 0)
    assert.notEqual(download.validator, validator)
    await readAll(download)
  })

  void test('an abort ends a read with call/cancelled, and what is aborted already does not begin', async () => {
    await using place = await arrange()
    const { artifact } = await place.first()
    const { source } = place.open()
    const controller = new AbortController()
    const chunks = (await source.download(artifact, { offset: 0, signal: controller.signal })).body[Symbol.asyncIterator]()
    controller.abort()
    await assert.rejects(chunks.next(), failsWith('call/cancelled'))
    await place.fixture.server?.whenQuiet()
    await assert.rejects(begin(source, artifact, controller.signal), failsWith('call/cancelled'))
    await assert.rejects(source.resolve(place.fixture.good, { signal: controller.signal }), failsWith('call/cancelled'))
  })

  void test('a reader that leaves early, or never begins, leaves nothing open', async () => {
    await using place = await arrange()
    const { artifact } = await place.first()
    const { source } = place.open()
    const left = await source.download(artifact, { offset: 0, signal })
    for await (const _ of left.body) break
    const unread = await source.download(artifact, { offset: 0, signal })
    await unread.body[Symbol.asyncIterator]().return?.()
    await place.fixture.server?.whenQuiet()
  })

  void test('parallel downloads of one artifact do not disturb each other', async () => {
    await using place = await arrange()
    const { artifact, bytes } = await place.first()
    const { source } = place.open()
    const all = await Promise.all(Array.from({ length: 8 }, async () => readAll(await begin(source, artifact, signal))))
    for (const one of all) assert.deepEqual(one, bytes)
  })

  void test('an artifact of a source that has lost it is a typed error', async () => {
    await using place = await arrange()
    const { artifact } = await place.first()
    const gone: Artifact = { ...artifact, key: artifact.key.replace(/[^/#]*(?=#|$)/, 'gone') }
    const thrown: unknown = await begin(place.open().source, gone, signal).catch((error: unknown) => error)
    assert.ok(isSomaError(thrown), String(thrown))
  })
}

function begin(source: Source, artifact: Artifact, signal: AbortSignal) {
  return source.download(artifact, { offset: 0, signal })
}
