import assert from 'node:assert/strict'
import test from 'node:test'
import { settle } from '@soma/testkit/clock'
import { SUBSCRIBERS_MAX, SUBSCRIBER_QUEUE_MAX } from '../limits.ts'
import { TestKernel } from '../test-kernel.ts'
import { Broadcast, wants } from './event-bus.ts'

const emit = (kernel: TestKernel, name: string, resource = 'model/ocr'): void => kernel.kernel.emit({ name, resource, data: {} })

test('a subscriber receives what it asked for, kept events first, none twice', async () => {
  await using kernel = await TestKernel.create()
  emit(kernel, 'model.loaded')
  emit(kernel, 'engine.crashed', 'engine/echo')
  await kernel.clock.advance(50)
  const stop = new AbortController()
  const names: string[] = []
  const reading = (async () => {
    for await (const { name } of kernel.calls.stream('event.subscribe', { names: ['model.*'], afterSeq: 0 }, { signal: stop.signal }))
      names.push(name)
  })()
  await settle()
  emit(kernel, 'model.unloaded')
  emit(kernel, 'engine.crashed', 'engine/echo')
  await kernel.clock.advance(50)
  stop.abort()
  await reading.catch(() => undefined)
  assert.deepEqual(names, ['model.loaded', 'model.unloaded'])
})

test('a token sees only events of resources it may list', async () => {
  await using kernel = await TestKernel.create()
  const { token } = await kernel.calls.call('capability.issue', {
    grants: [
      { resource: 'event/*', rights: ['list'] },
      { resource: 'model/ocr', rights: ['list'] },
    ],
    label: '',
  })
  emit(kernel, 'model.loaded', 'model/ocr')
  emit(kernel, 'model.loaded', 'model/private')
  await kernel.clock.advance(50)
  const { events } = await kernel.as({ principal: kernel.kernel.authenticate(token), face: 'http' }).call('event.list', {})
  assert.deepEqual(
    events.map(({ resource }) => resource),
    ['model/ocr'],
  )
})

test('event.list gives the newest, or goes on after a position', async () => {
  await using kernel = await TestKernel.create()
  for (let index = 0; index < 10; index++) emit(kernel, `model.n${'abcdefghij'[index]}`)
  await kernel.clock.advance(50)
  const newest = await kernel.calls.call('event.list', { names: ['model.*'], limit: 2 })
  assert.deepEqual(
    newest.events.map(({ name }) => name),
    ['model.ni', 'model.nj'],
  )
  const first = await kernel.calls.call('event.list', { names: ['model.*'], limit: 2, afterSeq: 0 })
  assert.deepEqual(
    first.events.map(({ name }) => name),
    ['model.na', 'model.nb'],
  )
  const rest = await kernel.calls.call('event.list', { names: ['model.*'], afterSeq: first.nextSeq })
  assert.equal(rest.events.length, 8)
})

test('a slow subscriber loses the newest, is told how many, and others lose nothing', async () => {
  const bus = new Broadcast<number>()
  const stop = new AbortController()
  const slow = bus.subscribe(stop.signal)
  for (let item = 0; item < SUBSCRIBER_QUEUE_MAX + 5; item++) bus.publish(item)
  const seen: unknown[] = []
  for (let index = 0; index <= SUBSCRIBER_QUEUE_MAX; index++) seen.push((await slow.next()).value)
  assert.deepEqual(seen.at(0), { kind: 'item', item: 0 })
  assert.deepEqual(seen.at(-1), { kind: 'missed', count: 5 })
  bus.publish(99)
  assert.deepEqual((await slow.next()).value, { kind: 'item', item: 99 })
  const waiting = slow.next()
  stop.abort()
  assert.equal((await waiting).done, true)
  assert.equal(bus.subscribers, 0)
})

test('subscribers are limited, and a left one makes room', () => {
  const bus = new Broadcast<number>()
  const { signal } = new AbortController()
  const all = Array.from({ length: SUBSCRIBERS_MAX }, () => bus.subscribe(signal))
  assert.throws(() => bus.subscribe(signal), { code: 'resource/exhausted' })
  all[0]?.[Symbol.dispose]()
  bus.subscribe(signal)[Symbol.dispose]()
  assert.equal(bus.subscribers, SUBSCRIBERS_MAX - 1)
})

test('a subscription whose signal is aborted already is over at once', async () => {
  const bus = new Broadcast<number>()
  assert.equal((await bus.subscribe(AbortSignal.abort()).next()).done, true)
  assert.equal(bus.subscribers, 0)
})

test('names are matched whole or by prefix', () => {
  assert.ok(wants(['model.*'], { name: 'model.loaded' }) && wants(['*'], { name: 'x' }) && wants(['a.b', 'c.d'], { name: 'c.d' }))
  assert.ok(!wants(['model.loaded'], { name: 'model.loaded-2' }) && !wants([], { name: 'x' }))
})
