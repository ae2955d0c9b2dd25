import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ErrorCode, SomaError, errorCodes, isSomaError } from '@soma/core'
import { FAKE_TOKEN } from './fake-dispatcher.ts'
import { type FaceFixture, behave } from './fixture.ts'

/** Every kind of error arrives as it was thrown. */
export function errors(fixture: () => FaceFixture): void {
  void test('an error of every code arrives with its message, details and whether to retry', async () => {
    const { dispatcher, face } = fixture()
    for (const code of Object.keys(errorCodes) as ErrorCode[]) {
      const thrown = new SomaError(code, `because of ${code} “ü”`, { details: { field: 'x', at: [1, { deep: null }] }, retryable: true })
      using _unary = behave(dispatcher, 'system.doctor', () => Promise.reject(thrown))
      assertSame(await face.client.call('system.doctor', {}).catch(identity), thrown)
      using _stream = behave(dispatcher, 'model.verify', failAfter(0, thrown))
      assertSame(await Array.fromAsync(face.client.stream('model.verify', {})).catch(identity), thrown)
    }
  })

  void test('an error after events arrives after them, in the loop and in the output', async () => {
    const { dispatcher, face } = fixture()
    const thrown = new SomaError('store/disk-full', 'no room', { details: { freeBytes: 0 } })
    using _ = behave(dispatcher, 'model.verify', failAfter(3, thrown))
    const stream = face.client.stream('model.verify', {})
    const seen: unknown[] = []
    const error = await (async () => {
      for await (const event of stream) seen.push(event)
    })().catch(identity)
    assert.equal(seen.length, 3)
    assertSame(error, thrown)
    assertSame(await stream.output.catch(identity), thrown)
  })

  void test('what is thrown by mistake arrives as internal', async () => {
    const { dispatcher, face } = fixture()
    using _ = behave(dispatcher, 'system.doctor', () => Promise.reject(new TypeError('x is not a function')))
    await assert.rejects(face.client.call('system.doctor', {}), { code: 'internal' })
  })

  void test('an invalid input is refused with the same field and words as directly', async () => {
    const { dispatcher, face } = fixture()
    const input = { surprise: 1, tensors: [{ name: 'a', dtype: 'float32', shape: [3], values: [1] }] }
    const caller = { principal: dispatcher.authenticate(FAKE_TOKEN), face: 'internal' } as const
    const direct = await dispatcher.dispatch(caller, 'system.echo', input).catch(identity)
    assertSame(await face.client.call('system.echo', input).catch(identity), direct)
  })

  void test('a name outside the table is call/unknown', async () => {
    await assert.rejects(fixture().face.client.call('model.fly', {}), { code: 'call/unknown' })
    await assert.rejects(fixture().face.client.call('toString', {}), { code: 'call/unknown' })
  })

  void test('JSON that is nested too deeply is refused, and the next call works', async () => {
    const { face } = fixture()
    let payload: unknown = null
    for (let depth = 0; depth < 1000; depth++) payload = [payload]
    await assert.rejects(face.client.call('system.echo', { payload }), { code: 'call/too-large' })
    assert.deepEqual(await face.client.call('system.echo', { payload: 1 }), { payload: 1, tensors: [] })
  })
}

function identity(thrown: unknown): unknown {
  return thrown
}

function failAfter(events: number, error: SomaError): () => AsyncGenerator<unknown, never, void> {
  return async function* () {
    for (let index = 0; index < events; index++) yield { name: 'm', path: `${index}`, hashedBytes: index, totalBytes: events }
    throw error
  }
}

function assertSame(actual: unknown, expected: unknown): void {
  assert.ok(isSomaError(actual), String(actual))
  assert.ok(isSomaError(expected))
  assert.deepEqual(actual.toProblem(), expected.toProblem())
}
