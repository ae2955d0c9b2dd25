import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type FaceFixture, behave } from './fixture.ts'

const CONCURRENT = 50
const LARGE_BYTES = 8 * 1024 * 1024

/** Many at once, large ones, and bytes that mean nothing. */
export function abuse(fixture: () => FaceFixture): void {
  void test(`${CONCURRENT} calls run at once, and each gets its own answer`, async () => {
    const { dispatcher, face } = fixture()
    const all = Promise.withResolvers<void>()
    let begun = 0
    using _ = behave(dispatcher, 'system.echo', async (input) => {
      begun += 1
      if (begun === CONCURRENT) all.resolve()
      await all.promise
      return input
    })
    const answers = await Promise.all(Array.from({ length: CONCURRENT }, (_, payload) => face.client.call('system.echo', { payload })))
    assert.deepEqual(
      answers,
      Array.from({ length: CONCURRENT }, (_, payload) => ({ payload, tensors: [] })),
    )
  })

  void test('a tensor of 8 MiB comes back byte for byte', async () => {
    const { face } = fixture()
    const data = new Uint8Array(LARGE_BYTES)
    for (let index = 0; index < data.length; index++) data[index] = (index * 2654435761) >>> 24
    const tensor = { name: 't', dtype: 'uint8', shape: [LARGE_BYTES], data }
    const { tensors } = (await face.client.call('system.echo', { tensors: [tensor] })) as { tensors: Array<{ data: Uint8Array }> }
    assert.ok(Buffer.from(tensors[0]?.data ?? []).equals(data))
  })

  void test('attachments begin where any dtype can be viewed in place', async () => {
    const { face } = fixture()
    const tensors = [3, 8, 1].map((size, index) => ({ name: `t${index}`, dtype: 'uint8', shape: [size], data: new Uint8Array(size) }))
    const output = (await face.client.call('system.echo', { tensors })) as { tensors: Array<{ data: Uint8Array }> }
    for (const { data } of output.tensors) assert.equal(data.byteOffset % 8, 0)
  })

  void test('random bytes on connections of their own disturb nobody', async () => {
    const { face } = fixture()
    const waiting = face.client.call('system.echo', { payload: 'before' })
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 4096 }), (bytes) => face.sendRaw(bytes)),
      { numRuns: 100 },
    )
    assert.deepEqual(await waiting, { payload: 'before', tensors: [] })
    assert.deepEqual(await face.client.call('system.echo', { payload: 'after' }), { payload: 'after', tensors: [] })
  })
}
