import assert from 'node:assert/strict'
import test from 'node:test'
import { SomaError } from '@soma/core'
import type { AuditEntry, CallStream, Handlers } from '@soma/spec'
import { settle } from '@soma/testkit/clock'
import fc from 'fast-check'
import { TestKernel, owner } from '../test-kernel.ts'

const usage = { promptTokens: 1, cachedTokens: 0, generatedTokens: 1 }
const done = { text: 'all', toolCalls: [], finish: 'stop' as const, usage, timings: { queueMs: 0, loadMs: 0, runMs: 0 } }
const input = { model: 'm', prompt: 'x' }
type Generate = NonNullable<Handlers['model.generate']>

/** Yields `count` events, and then ends well or fails; counts how often it was cleaned up after. */
function generator(count: number, fails: boolean): { readonly handler: Generate; readonly cleanups: () => number } {
  let cleanups = 0
  return {
    handler: async function* () {
      try {
        for (let index = 0; index < count; index++) yield { text: String(index) }
        if (fails) throw new SomaError('engine/crashed', 'gone')
        return done
      } finally {
        cleanups++
      }
    },
    cleanups: () => cleanups,
  }
}

async function dispatchStream(kernel: TestKernel, signal?: AbortSignal): Promise<CallStream<unknown, unknown>> {
  const dispatched = await kernel.kernel.dispatch(owner, 'model.generate', input, { signal })
  assert.ok(dispatched.kind === 'stream')
  return dispatched.stream
}

async function entriesOf(kernel: TestKernel, name: string): Promise<AuditEntry[]> {
  const { entries } = await kernel.calls.call('audit.list', { limit: 1000 })
  return entries.filter((entry) => entry.name === name)
}

const codeOf = async (work: Promise<unknown>): Promise<string> =>
  await work.then(
    () => 'ok',
    (error: unknown) => (error as SomaError).code,
  )

test('however a stream is left, it is over, cleaned up after once, and in the audit log once', async () => {
  const ways = fc.constantFrom('read', 'return', 'abort', 'return while waiting', 'abort while waiting')
  await fc.assert(
    fc.asyncProperty(fc.nat(4), fc.boolean(), fc.nat(5), ways, async (count, fails, reads, way) => {
      const { handler, cleanups } = generator(count, fails)
      await using kernel = await TestKernel.create({ 'model.generate': handler })
      const abort = new AbortController()
      const stream = await dispatchStream(kernel, abort.signal)
      const reader = stream[Symbol.asyncIterator]()
      const texts: unknown[] = []
      const read = async (): Promise<void> => {
        const next = await reader.next()
        if (!next.done) texts.push((next.value as { text: string }).text)
      }
      for (let index = 0; index < reads; index++) await read().catch(() => undefined)
      const waiting = way.endsWith('waiting') ? read().catch(() => undefined) : undefined
      if (way === 'read') await codeOf(Array.fromAsync({ [Symbol.asyncIterator]: () => reader }, () => undefined))
      if (way.startsWith('return')) await reader.return?.()
      if (way.startsWith('abort')) abort.abort()
      await waiting
      const code = await codeOf(stream.output)
      assert.ok([fails ? 'engine/crashed' : 'ok', 'call/cancelled'].includes(code), code)
      assert.deepEqual(
        texts,
        texts.map((_, index) => String(index)),
      )
      assert.deepEqual(kernel.kernel.stats(), { total: 1, failed: code === 'ok' ? 0 : 1, active: 0 })
      const begun = texts.length > 0 || reads > 0 || way === 'read' || waiting !== undefined
      assert.ok(cleanups() === 1 || (cleanups() === 0 && !begun), `${cleanups()} cleanups`)
      assert.deepEqual(
        (await entriesOf(kernel, 'model.generate')).map(({ kind, status }) => [kind, status]),
        [['call', code]],
      )
    }),
    { numRuns: 60 },
  )
})

test('a reader who leaves while it waits need not wait any longer', async () => {
  await using kernel = await TestKernel.create({
    'model.generate': async function* (_input, { signal }) {
      await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
      yield { text: 'never' }
      return done
    },
  })
  const reader = (await dispatchStream(kernel))[Symbol.asyncIterator]()
  const waiting = codeOf(reader.next())
  await settle()
  await reader.return?.()
  assert.equal(kernel.kernel.stats().active, 0)
  await waiting
})

test('after an abort nothing more is handed out, though the handler goes on', async () => {
  const { handler, cleanups } = generator(5, false)
  await using kernel = await TestKernel.create({ 'model.generate': handler })
  const abort = new AbortController()
  const stream = await dispatchStream(kernel, abort.signal)
  const reader = stream[Symbol.asyncIterator]()
  assert.equal((await reader.next()).done, false)
  abort.abort()
  await assert.rejects(reader.next(), { code: 'call/cancelled' })
  assert.deepEqual(await reader.next(), { done: true, value: undefined })
  assert.equal(cleanups(), 1)
})

test('a stream that was ended before anybody came says so to whoever comes', async () => {
  await using kernel = await TestKernel.create({ 'model.generate': generator(1, false).handler })
  const stream = await dispatchStream(kernel)
  const drained = kernel.kernel.drain({ drainMs: 10 })
  await kernel.clock.advance(10)
  await drained
  await assert.rejects(Array.fromAsync(stream), { code: 'daemon/stopping' })
  await assert.rejects(stream.output, { code: 'daemon/stopping' })
})

test('a stream ends when its capability expires', async () => {
  await using kernel = await TestKernel.create({ 'model.generate': generator(5, false).handler })
  const grant = { resource: 'model/m', rights: ['invoke' as const], expiresAt: kernel.clock.now() + 1000 }
  const { token } = await kernel.calls.call('capability.issue', { grants: [grant] })
  const caller = { principal: kernel.kernel.authenticate(token), face: 'http' as const }
  const stream = kernel.as(caller).stream('model.generate', input)
  const reader = stream[Symbol.asyncIterator]()
  kernel.clock.skip(999)
  assert.equal((await reader.next()).done, false)
  kernel.clock.skip(1)
  await assert.rejects(reader.next(), { code: 'capability/denied' })
  assert.equal(kernel.kernel.stats().active, 0)
})

test('what was revoked or cancelled while it finished is not committed', async () => {
  const gate = Promise.withResolvers<void>()
  await using kernel = await TestKernel.create({
    'system.configure': async (_input, { effects }) => {
      effects.put('note', 'a', 1)
      await gate.promise
      return { settings: [] }
    },
    'model.install': async function* (_input, { effects }) {
      effects.put('note', 'b', 1)
      await gate.promise
      yield* []
      return { model: {} as never, alreadyInstalled: false }
    },
  })
  const grants = [
    { resource: 'system/configuration', rights: ['manage' as const] },
    { resource: 'model/*', rights: ['install' as const] },
  ]
  const { token, capabilities } = await kernel.calls.call('capability.issue', { grants })
  const caller = { principal: kernel.kernel.authenticate(token), face: 'http' as const }
  const abort = new AbortController()
  const configured = codeOf(kernel.as(caller).call('system.configure', { set: {} }))
  const installed = codeOf(
    Array.fromAsync(kernel.calls.stream('model.install', { reference: 'test/x', name: 'b' }, { signal: abort.signal })),
  )
  await settle()
  for (const { id } of capabilities) await kernel.calls.call('capability.revoke', { capability: id })
  abort.abort()
  gate.resolve()
  assert.deepEqual([await configured, await installed], ['capability/denied', 'call/cancelled'])
  assert.equal(kernel.store.records.count('note'), 0)
  const entries = [...(await entriesOf(kernel, 'system.configure')), ...(await entriesOf(kernel, 'model.install'))]
  assert.deepEqual(
    entries.flatMap(({ status }) => status ?? []),
    ['capability/denied', 'call/cancelled'],
  )
})

test('a stream that is left before its first read is over, and in the audit log', async () => {
  const { handler, cleanups } = generator(3, false)
  await using kernel = await TestKernel.create({ 'model.generate': handler })
  const stream = kernel.calls.stream('model.generate', input)
  const reader = stream[Symbol.asyncIterator]()
  assert.deepEqual(await reader.return?.(), { done: true, value: undefined })
  assert.equal(await codeOf(stream.output), 'call/cancelled')
  // The handler never began, so there is nothing of it to clean up.
  assert.equal(cleanups(), 0)
  assert.equal((await entriesOf(kernel, 'model.generate')).length, 1)
})

test('a stream that was refused can be left, too', async () => {
  const { handler } = generator(1, false)
  await using kernel = await TestKernel.create({ 'model.generate': handler })
  const stream = kernel.calls.stream('model.generate', { model: 'NO NAME', prompt: 'x' })
  assert.deepEqual(await stream[Symbol.asyncIterator]().return?.(), { done: true, value: undefined })
  assert.equal(await codeOf(stream.output), 'call/invalid-input')
})
