import assert from 'node:assert/strict'
import { isAbsolute } from 'node:path'
import { test } from 'node:test'
import { ModelName, type Source } from '@soma/spec'
import { failsWith } from './checks.ts'
import type { Arranged } from './compliance.ts'

const signal = new AbortController().signal

export function resolving(arrange: () => Promise<Arranged>): void {
  void test('a reference resolves to a pinned one with safe paths, a usable name and distinct keys', async () => {
    await using place = await arrange()
    const { source } = place.open()
    const resolution = await source.resolve(place.fixture.good, { signal })
    assert.ok(resolution.reference.startsWith(`${source.scheme}/`))
    assert.ok(ModelName.safeParse(resolution.suggestedName).success, resolution.suggestedName)
    assert.notEqual(resolution.version, '')
    const { artifacts } = resolution
    assert.ok(artifacts.length > 0)
    assert.equal(new Set(artifacts.map(({ key }) => key)).size, artifacts.length)
    for (const { path } of artifacts) assert.ok(!isAbsolute(path) && !path.split(/[/\\]/).includes('..') && path !== '', path)
  })

  void test('the pinned reference resolves to the same, also in another process', async () => {
    await using place = await arrange()
    const first = await place.open().source.resolve(place.fixture.good, { signal })
    const { source } = place.open()
    const again = await source.resolve(withoutScheme(source, first.reference), { signal })
    assert.deepEqual(again, first)
  })

  void test('a reference that cannot be read is source/invalid-reference', async () => {
    await using place = await arrange()
    const { source } = place.open()
    for (const name of ['', ...place.fixture.malformed])
      await assert.rejects(source.resolve(name, { signal }), failsWith('source/invalid-reference'), name)
  })

  void test('a reference to nothing is source/not-found', async () => {
    await using place = await arrange()
    await assert.rejects(place.open().source.resolve(place.fixture.missing, { signal }), failsWith('source/not-found'))
  })

  void test('creating a source reads and asks nothing', async () => {
    await using place = await arrange()
    place.open()
    assert.deepEqual(place.fixture.server?.requests ?? [], [])
  })

  void test('a pinned reference to bytes that changed gives the old promise or source/not-found, never the new bytes', async () => {
    await using place = await arrange()
    const { source } = place.open()
    const first = await source.resolve(place.fixture.good, { signal })
    await place.fixture.change()
    const pinned = await source.resolve(withoutScheme(source, first.reference), { signal }).catch((thrown: unknown) => {
      failsWith('source/not-found')(thrown)
    })
    if (pinned) assert.deepEqual(pinned, first)
  })
}

function withoutScheme(source: Source, reference: string): string {
  return reference.slice(source.scheme.length + 1)
}
