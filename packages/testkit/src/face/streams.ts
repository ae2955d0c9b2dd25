import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type FaceFixture, behave, settled, until } from './fixture.ts'

const EVENTS = 1000
const SLOW_EVENT_BYTES = 64 * 1024
/** Socket buffers of both ends and the window, with room: what counts is that it does not grow with the stream. */
const SLOW_EVENTS_MAX = 600

/** Streams keep their order, and go as fast as they are read. */
export function streams(fixture: () => FaceFixture): void {
  void test('events arrive in order, then the output', async () => {
    const { dispatcher, face } = fixture()
    using _ = behave(dispatcher, 'model.generate', async function* () {
      for (let index = 0; index < EVENTS; index++) yield { text: `${index}` }
      return { text: 'done', timings: { queueMs: 0, loadMs: 0, runMs: 0 } }
    })
    const stream = face.client.stream('model.generate', { model: 'm', prompt: 'p' })
    const texts = await Array.fromAsync(stream, (event) => (event as { text: string }).text)
    assert.deepEqual(
      texts,
      Array.from({ length: EVENTS }, (_, index) => `${index}`),
    )
    assert.equal(((await stream.output) as { text: string }).text, 'done')
  })

  void test('an event arrives while the call goes on', async () => {
    const { dispatcher, face } = fixture()
    const gate = Promise.withResolvers<void>()
    using _ = behave(dispatcher, 'model.generate', async function* () {
      yield { text: 'first' }
      await gate.promise
      return { text: 'first', timings: { queueMs: 0, loadMs: 0, runMs: 0 } }
    })
    const events = face.client.stream('model.generate', { model: 'm', prompt: 'p' })[Symbol.asyncIterator]()
    assert.deepEqual((await events.next()).value, { text: 'first' })
    gate.resolve()
    assert.equal((await events.next()).done, true)
  })

  void test('a reader that stops reading stops the call, and may go on later', async () => {
    const { dispatcher, face } = fixture()
    let sent = 0
    const text = 'x'.repeat(SLOW_EVENT_BYTES)
    using _ = behave(dispatcher, 'model.generate', async function* () {
      for (; sent < 2 * SLOW_EVENTS_MAX; sent++) yield { text }
      return { text: '', timings: { queueMs: 0, loadMs: 0, runMs: 0 } }
    })
    const events = face.client.stream('model.generate', { model: 'm', prompt: 'p' })[Symbol.asyncIterator]()
    await events.next()
    const ahead = await settled(() => sent)
    assert.ok(ahead < SLOW_EVENTS_MAX, `${ahead} events were sent for one that was read`)
    let read = 1
    while (!(await events.next()).done) read++
    assert.equal(read, 2 * SLOW_EVENTS_MAX)
    await until(() => dispatcher.active === 0, 'the call ends')
  })
}
