import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { it } from 'node:test'
import { SomaError, isSomaError } from '@soma/core'
import { arithmeticModel } from '@soma/testkit/onnx'
import { tarGzOf, zipOf } from '@soma/testkit/server'
import { settle } from '@soma/testkit/clock'
import fc from 'fast-check'
import { TestInstall } from './test-install.ts'
import type { TestFault } from './test-source.ts'

const files = { 'm.onnx': Buffer.from(arithmeticModel()), 'vocab.txt': Buffer.alloc(30_000, 'word '), LICENSE: Buffer.from('free') }
const packages = {
  files: { ...files },
  tar: { 'a.tgz': { bytes: tarGzOf(files), kind: 'tar.gz' } },
  zip: { 'a.zip': { bytes: zipOf(files), kind: 'zip' } },
  unpromised: Object.fromEntries(Object.entries(files).map(([path, bytes]) => [path, { bytes, promises: 'nothing' as const }])),
} as const

const fault: fc.Arbitrary<TestFault> = fc.oneof(
  fc
    .constantFrom('source/unavailable', 'source/rate-limited', 'source/not-found', 'source/unauthorized')
    .map((code) => ({ error: new SomaError(code as 'source/unavailable', 'as told') })),
  fc.nat(31_000).map((cutAfter) => ({ cutAfter })),
  fc.constant({ ignoresOffset: true }),
  fc.constant({ validator: 'v2' }),
  fc.nat(40_000).map((size) => ({ bytes: Buffer.alloc(size, 'wrong') })),
)

const scenario = fc.record({
  name: fc.constantFrom('files', 'tar', 'zip', 'unpromised'),
  faults: fc.array(fc.tuple(fc.constantFrom('m.onnx', 'vocab.txt', 'LICENSE', 'a.tgz', 'a.zip'), fault), { maxLength: 6 }),
  cancelAtEvent: fc.option(fc.nat(12)),
  fullAfterBytes: fc.option(fc.nat(40_000)),
  failCommit: fc.boolean(),
  reopen: fc.boolean(),
})

/** Collects garbage all the time, so that anything not held is gone before it is needed. */
async function sweep(test: TestInstall, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await test.store.blobs.collect({})
    await settle()
  }
}

/** A disk that is full once so many bytes went to downloads. */
function limitDisk(test: TestInstall, bytes: number): void {
  const { blobs } = test.store
  const partial = blobs.partial.bind(blobs)
  let left = bytes
  blobs.partial = async (key, options) => {
    const opened = await partial(key, options)
    const append = opened.append.bind(opened)
    opened.append = async (chunk, bytes) => {
      left -= bytes.byteLength
      if (left < 0) throw new SomaError('store/disk-full', 'no space left on the device')
      await append(chunk, bytes)
    }
    return opened
  }
}

async function attempt(
  test: TestInstall,
  { name, cancelAtEvent, failCommit }: { readonly name: string; readonly cancelAtEvent: number | null; readonly failCommit: boolean },
): Promise<void> {
  const abort = new AbortController()
  let events = 0
  const onEvent = (): void => {
    if (events++ === cancelAtEvent) abort.abort()
  }
  const failure = failCommit ? { failCommit: new SomaError('store/disk-full', 'the commit failed') } : {}
  await test
    .install(`test/${name}`, {}, { signal: abort.signal, onEvent, ...failure })
    .catch((error: unknown) => assert.ok(isSomaError(error) && error.code !== 'internal', String(error)))
}

/** Whole and verified, or not there at all. */
async function checkOutcome(test: TestInstall): Promise<void> {
  await test.idle()
  await test.store.blobs.collect({})
  const models = test.registry.list()
  const { blobs, temporary, layouts } = await test.leftovers()
  assert.deepEqual([temporary, layouts], [0, 0])
  assert.equal(blobs, models.length === 0 ? 0 : 3)
  for (const model of models) {
    assert.equal((await test.call('model.verify', { model: model.name })).output.ok, true)
    await using open = await test.registry.open(model)
    for (const [path, bytes] of Object.entries(files)) assert.deepEqual(await readFile(`${open.directory}/${path}`), bytes)
  }
}

it('is installed whole and verified, or leaves nothing but what can be resumed, whatever goes wrong', async () => {
  await fc.assert(
    fc.asyncProperty(scenario, async ({ faults, fullAfterBytes, reopen, ...run }) => {
      await using test = await TestInstall.create()
      for (const [name, served] of Object.entries(packages)) test.source.serve(name, served)
      for (const [path, what] of faults) test.source.fail(`${run.name}!${path}`, what)
      if (fullAfterBytes !== null) limitDisk(test, fullAfterBytes)
      const stop = new AbortController()
      const sweeping = sweep(test, stop.signal)
      try {
        await attempt(test, run)
      } finally {
        stop.abort()
        await sweeping
      }
      if (run.name !== 'unpromised') await checkOutcome(test)
      if (reopen) await test.reopen()
      // Once everything works again, so does the install, on what the failed one left.
      for (const [path] of faults) test.source.heal(`${run.name}!${path}`)
      await test.reopen()
      if (run.name === 'unpromised') return
      await test.install(`test/${run.name}`)
      await checkOutcome(test)
      assert.equal((await test.leftovers()).partials, 0)
    }),
    { numRuns: 25 },
  )
})
