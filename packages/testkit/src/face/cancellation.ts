import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SomaError } from '@soma/core'
import type { FakeDispatcher } from './fake-dispatcher.ts'
import { type FaceFixture, behave, until } from './fixture.ts'

/** Whoever no longer wants an answer is heard by the handler. */
export function cancellation(fixture: () => FaceFixture): void {
  void test('aborting a call reaches its handler, and rejects with the reason', async () => {
    const { dispatcher, face } = fixture()
    const heard = hearAbort(dispatcher, 'system.doctor')
    using _ = heard
    const abort = new AbortController()
    const call = face.client.call('system.doctor', {}, { signal: abort.signal })
    await heard.begun
    abort.abort(new SomaError('call/timeout', 'took too long'))
    await assert.rejects(call, { code: 'call/timeout' })
    await heard.aborted
    await until(() => dispatcher.active === 0, 'the call ends')
  })

  void test('a call whose signal is aborted already is not made', async () => {
    const { dispatcher, face } = fixture()
    const before = dispatcher.calls.length
    await assert.rejects(face.client.call('system.health', {}, { signal: AbortSignal.abort() }), { code: 'call/cancelled' })
    const stream = face.client.stream('model.verify', {}, { signal: AbortSignal.abort() })
    await assert.rejects(Array.fromAsync(stream), { code: 'call/cancelled' })
    await face.client.call('system.health', {})
    assert.equal(dispatcher.calls.length, before + 1)
  })

  void test('leaving a stream early ends the call', async () => {
    const { dispatcher, face } = fixture()
    let ended = false
    using _ = behave(dispatcher, 'event.subscribe', async function* (_input, { signal }) {
      try {
        for (let seq = 0; ; seq++) {
          yield { seq, at: 0, name: 'a.b', resource: 'a/b', data: {} }
          if (seq === 10) await aborted(signal)
        }
      } finally {
        ended = true
      }
    })
    const stream = face.client.stream('event.subscribe', {})
    for await (const _event of stream) break
    await assert.rejects(stream.output, { code: 'call/cancelled' })
    await until(() => ended && dispatcher.active === 0, 'the handler ends')
  })

  void test('aborting a stream that waits reaches its handler', async () => {
    const { dispatcher, face } = fixture()
    using _ = behave(dispatcher, 'event.subscribe', async function* (_input, { signal }) {
      yield { seq: 0, at: 0, name: 'a.b', resource: 'a/b', data: {} }
      await aborted(signal)
    })
    const abort = new AbortController()
    const stream = face.client.stream('event.subscribe', {}, { signal: abort.signal })
    const events = stream[Symbol.asyncIterator]()
    await events.next()
    const waiting = events.next()
    abort.abort()
    await assert.rejects(waiting, { code: 'call/cancelled' })
    await assert.rejects(stream.output, { code: 'call/cancelled' })
    await until(() => dispatcher.active === 0, 'the handler ends')
  })
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason as Error)
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  })
}

interface Heard extends Disposable {
  readonly begun: Promise<void>
  readonly aborted: Promise<void>
}

/** A call that waits until it is aborted, and tells of both. */
function hearAbort(dispatcher: FakeDispatcher, name: string): Heard {
  const begun = Promise.withResolvers<void>()
  const heard = Promise.withResolvers<void>()
  const handler = behave(dispatcher, name, async (_input, { signal }) => {
    begun.resolve()
    return aborted(signal).finally(() => heard.resolve())
  })
  return { begun: begun.promise, aborted: heard.promise, [Symbol.dispose]: () => handler[Symbol.dispose]() }
}
