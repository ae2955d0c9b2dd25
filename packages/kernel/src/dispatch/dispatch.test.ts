import assert from 'node:assert/strict'
import test from 'node:test'
import { ANONYMOUS, type BlobDigest, SomaError } from '@soma/core'
import type { Caller } from '@soma/spec'
import { settle } from '@soma/testkit/clock'
import { TestKernel, owner } from '../test-kernel.ts'

const signature = { inputs: [], outputs: [] }

const generated = {
  text: '',
  toolCalls: [] as never[],
  finish: 'stop' as const,
  usage: { promptTokens: 1, cachedTokens: 0, generatedTokens: 1 },
  timings: { queueMs: 0, loadMs: 0, runMs: 0 },
}

test('every step refuses with its own code', async () => {
  await using kernel = await TestKernel.create()
  const dispatch = (name: string, input: unknown, principal = owner.principal) =>
    kernel.kernel.dispatch({ principal, face: 'http' }, name, input)
  await assert.rejects(dispatch('model.fly', {}), { code: 'call/unknown' })
  await assert.rejects(dispatch('toString', {}), { code: 'call/unknown' })
  await assert.rejects(dispatch('model.load', { model: 'x' }), { code: 'call/unknown' }, 'a call of the table that no handler serves')
  await assert.rejects(dispatch('system.echo', { surprise: 1 }), { code: 'call/invalid-input' })
  await assert.rejects(dispatch('system.echo', 'text'), { code: 'call/invalid-input' })
  await assert.rejects(dispatch('system.echo', {}, ANONYMOUS), { code: 'capability/denied' })
})

test('who could not make a call with any input is refused before the input is looked at', async () => {
  await using kernel = await TestKernel.create({
    'model.load': ({ model: name }) => ({ name, signature, methods: [], device: 'cpu', residentBytes: 0, loadMs: 0 }),
  })
  const issue = async (resource: string): Promise<Caller> => {
    const { holder } = await kernel.calls.call('capability.issue', { grants: [{ resource, rights: ['load', 'invoke'] }] })
    return { principal: holder, face: 'http' }
  }
  const [loader, echoer] = [await issue('model/a'), await issue('system/echo')]
  const untouchable = new Proxy({}, { ownKeys: () => assert.fail('the input was looked at') })
  const { kernel: dispatcher } = kernel
  assert.ok(dispatcher.mayCall(loader, 'model.load') && dispatcher.mayCall(echoer, 'system.echo'))
  assert.ok(
    !dispatcher.mayCall(loader, 'system.echo') && !dispatcher.mayCall(echoer, 'model.load') && !dispatcher.mayCall(loader, 'no.such'),
  )
  const denied = dispatcher.dispatch(echoer, 'model.load', untouchable)
  await assert.rejects(denied, {
    code: 'capability/denied',
    details: { principal: echoer.principal, resource: 'model/*', right: 'load', reason: 'none' },
  })
  await assert.rejects(dispatcher.dispatch(loader, 'system.echo', untouchable), { code: 'capability/denied' })
  await assert.rejects(kernel.as(loader).call('model.load', { model: 'b' }), { code: 'capability/denied' })
  assert.equal((await kernel.as(loader).call('model.load', { model: 'a' })).name, 'a')
})

test('an invalid input names the field and the problem', async () => {
  await using kernel = await TestKernel.create()
  const error: unknown = await kernel.kernel
    .dispatch(owner, 'system.echo', { tensors: [{ name: 'a', dtype: 'float3', values: [1] }] })
    .catch((thrown: unknown) => thrown)
  const [issue] = (error as SomaError).details['issues'] as Array<{ field: string }>
  assert.equal(issue?.field, 'tensors.0.dtype')
  const short: unknown = await kernel.kernel
    .dispatch(owner, 'system.echo', { tensors: [{ name: 'a', dtype: 'float32', shape: [3], values: [1] }] })
    .catch((thrown: unknown) => thrown)
  assert.match((short as Error).message, /float32\[3\] takes 12 bytes, 4 came/)
})

test('an unexpected throw is internal, logged, and leaves the kernel working', async () => {
  await using kernel = await TestKernel.create({
    'system.doctor': () => {
      throw new TypeError('x is not a function')
    },
  })
  await assert.rejects(kernel.calls.call('system.doctor', {}), { code: 'internal' })
  assert.deepEqual(await kernel.calls.call('system.echo', { payload: 'still here' }), { payload: 'still here', tensors: [] })
  assert.deepEqual(kernel.kernel.stats(), { total: 2, failed: 1, active: 0 })
})

test('aborting reaches the handler, and the caller gets the reason', async () => {
  await using kernel = await TestKernel.create({
    'system.doctor': (_input, { signal }) =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
  })
  const abort = new AbortController()
  const call = kernel.calls.call('system.doctor', {}, { signal: abort.signal })
  await settle()
  abort.abort()
  await assert.rejects(call, { code: 'call/cancelled' })
  await assert.rejects(kernel.calls.call('system.doctor', {}, { signal: AbortSignal.abort() }), { code: 'call/cancelled' })
})

test('effects, entry and event of a call are committed together, or not at all', async () => {
  await using kernel = await TestKernel.create({
    'system.configure': ({ set }, { effects }) => {
      effects.put('note', 'a', { text: 'kept' })
      effects.emit({ name: 'note.written', resource: 'note/a', data: {} })
      effects.require(() => {
        if ('refuse' in set) throw new SomaError('config/invalid', 'refused at the last moment')
      })
      return { settings: [] }
    },
  })
  await assert.rejects(kernel.calls.call('system.configure', { set: { refuse: true } }), { code: 'config/invalid' })
  assert.equal(kernel.store.records.get('note', 'a'), undefined)
  await kernel.calls.call('system.configure', { set: {} })
  await kernel.restart()
  assert.deepEqual(kernel.store.records.get('note', 'a')?.value, { text: 'kept' })
  assert.deepEqual(
    (await kernel.calls.call('event.list', { names: ['note.*'] })).events.map(({ name }) => name),
    ['note.written'],
  )
  const { entries } = await kernel.calls.call('audit.list', { limit: 1000 })
  const end = entries.find(({ effects }) => effects.some(({ record }) => record === 'note/a'))
  assert.equal(end?.name, 'system.configure')
  assert.equal(end?.status, 'ok')
})

test('a call whose caller went away while it was handled changes nothing, even when its handler ends well', async () => {
  const abort = new AbortController()
  await using kernel = await TestKernel.create({
    'system.configure': (_input, { effects }) => {
      effects.put('note', 'a', { text: 'late' })
      abort.abort()
      return { settings: [] }
    },
  })
  await assert.rejects(kernel.calls.call('system.configure', { set: {} }, { signal: abort.signal }), { code: 'call/cancelled' })
  assert.equal(kernel.store.records.get('note', 'a'), undefined)
})

test('what the store refuses fails the call alone: nothing of it happened, and what waited is written', async () => {
  const heard: string[] = []
  await using kernel = await TestKernel.create({
    'system.configure': (_input, { effects }) => {
      effects.put('note', 'a', 1, { blobs: [`sha256:${'0'.repeat(64)}` as BlobDigest] })
      effects.emit({ name: 'note.written', resource: 'note/a', data: {} })
      effects.committed(() => heard.push('committed'))
      effects.settled(() => heard.push('settled'))
      return { settings: [] }
    },
  })
  await kernel.calls.call('system.echo', {})
  await assert.rejects(kernel.calls.call('system.configure', { set: {} }), { code: 'store/not-found' })
  assert.deepEqual(heard, ['settled'])
  assert.equal(kernel.store.records.count('note'), 0)
  await kernel.clock.advance(50)
  const { entries } = await kernel.calls.call('audit.list', {})
  assert.deepEqual(
    entries.slice(-3, -1).map(({ name, status, effects }) => [name, status, effects.length]),
    [
      ['system.echo', 'ok', 0],
      ['system.configure', 'store/not-found', 0],
    ],
  )
  assert.deepEqual((await kernel.calls.call('event.list', {})).events, [])
  assert.equal(kernel.kernel.stats().active, 0)
})

test('an action that throws after the commit changes nothing of it, and keeps no other from running', async () => {
  const heard: string[] = []
  const fail = (): never => {
    throw new TypeError('not as promised')
  }
  await using kernel = await TestKernel.create({
    'system.configure': (_input, { effects }) => {
      effects.put('note', 'a', 1)
      for (const when of ['committed', 'settled'] as const) {
        effects[when](fail)
        effects[when](() => heard.push(when))
      }
      return { settings: [] }
    },
  })
  assert.deepEqual(await kernel.calls.call('system.configure', { set: {} }), { settings: [] })
  assert.deepEqual(heard, ['committed', 'settled'])
  assert.deepEqual(kernel.kernel.stats(), { total: 1, failed: 0, active: 0 })
})

test('a call that says it changes nothing cannot stage changes', async () => {
  await using kernel = await TestKernel.create({ 'system.doctor': (_input, { effects }) => (effects.put('note', 'b', 1), { checks: [] }) })
  await assert.rejects(kernel.calls.call('system.doctor', {}), { code: 'internal' })
  assert.equal(kernel.store.records.get('note', 'b'), undefined)
})

test('an output that cannot be sent is a failure, and the audit log knows how the call ended', async () => {
  await using kernel = await TestKernel.create({ 'system.doctor': () => ({ checks: 1n }) as never })
  await assert.rejects(kernel.calls.call('system.doctor', {}), { code: 'internal' })
  const { entries } = await kernel.calls.call('audit.list', {})
  const ended = entries.filter(({ name }) => name === 'system.doctor').map(({ kind, status }) => [kind, status])
  assert.deepEqual(ended, [['call', 'internal']])
  assert.equal(kernel.kernel.stats().active, 0)
})

test('a stream yields its events and then its output', async () => {
  await using kernel = await TestKernel.create({
    'model.generate': async function* ({ prompt = '' }) {
      for (const text of prompt.split(' ')) yield { text }
      return { ...generated, text: prompt }
    },
  })
  const stream = kernel.calls.stream('model.generate', { model: 'm', prompt: 'a b c' })
  const events = await Array.fromAsync(stream, ({ text }) => text)
  assert.deepEqual(events, ['a', 'b', 'c'])
  assert.equal((await stream.output).text, 'a b c')
  assert.equal(kernel.kernel.stats().active, 0)
})

test('a stream that fails rejects the loop and the output with the same error', async () => {
  await using kernel = await TestKernel.create({
    'model.generate': async function* () {
      yield { text: 'a' }
      throw new SomaError('engine/crashed', 'gone')
    },
  })
  const stream = kernel.calls.stream('model.generate', { model: 'm', prompt: 'x' })
  await assert.rejects(Array.fromAsync(stream), { code: 'engine/crashed' })
  await assert.rejects(stream.output, { code: 'engine/crashed' })
})

test('leaving a stream early cancels it, and so does an abort before anybody reads', async () => {
  let ended = 0
  await using kernel = await TestKernel.create({
    'model.generate': async function* (_input, { signal }) {
      try {
        for (;;) {
          if (signal.aborted) throw signal.reason
          yield { text: '…' }
        }
      } finally {
        ended++
      }
    },
  })
  const stream = kernel.calls.stream('model.generate', { model: 'm', prompt: 'x' })
  for await (const _ of stream) break
  await assert.rejects(stream.output, { code: 'call/cancelled' })
  assert.equal(ended, 1)
  const abort = new AbortController()
  const unread = await kernel.kernel.dispatch(owner, 'model.generate', { model: 'm', prompt: 'x' }, { signal: abort.signal })
  abort.abort()
  assert.equal(unread.kind, 'stream')
  if (unread.kind === 'stream') await assert.rejects(unread.stream.output, { code: 'call/cancelled' })
  assert.equal(kernel.kernel.stats().active, 0)
  const { entries } = await kernel.calls.call('audit.list', {})
  assert.deepEqual(
    entries.filter(({ name, kind }) => name === 'model.generate' && kind === 'call').map(({ status }) => status),
    ['call/cancelled', 'call/cancelled'],
  )
})

test('stopping refuses new calls, waits for those under way, and ends those that do not finish', async () => {
  const { promise, resolve } = Promise.withResolvers<void>()
  await using kernel = await TestKernel.create({
    'system.doctor': async () => (await promise, { checks: [] }),
    'system.status': (_input, { signal }) =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
  })
  const finishing = kernel.calls.call('system.doctor', {})
  const stuck = assert.rejects(kernel.calls.call('system.status', {}), { code: 'daemon/stopping' })
  const drained = kernel.kernel.drain({ drainMs: 1000 })
  await assert.rejects(kernel.calls.call('system.echo', {}), { code: 'daemon/stopping' })
  resolve()
  assert.deepEqual(await finishing, { checks: [] })
  await kernel.clock.advance(1000)
  await stuck
  await drained
  kernel.kernel.stop()
  const last = kernel.store.log.last(1)[0]
  assert.match(last?.body ?? '', /system\.stopped/)
})

test('metrics count calls by name and outcome, and their durations in buckets', async () => {
  await using kernel = await TestKernel.create()
  await kernel.calls.call('system.echo', {})
  await assert.rejects(kernel.kernel.dispatch(owner, 'nonsense', {}))
  const metrics = kernel.kernel.metrics()
  const total = metrics.find(({ name }) => name === 'soma_calls_total')
  assert.deepEqual(
    total?.samples.map(({ labels, value }) => [labels['call'], labels['status'], value]),
    [
      ['system.echo', 'ok', 1],
      ['unknown', 'call/unknown', 1],
    ],
  )
  const latency = metrics.find(({ name }) => name === 'soma_call_duration_seconds')
  assert.deepEqual(
    latency?.samples.filter(({ suffix, labels }) => suffix === '_bucket' && labels['call'] === 'system.echo').map(({ value }) => value),
    Array.from({ length: 10 }, () => 1),
  )
})
