import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Tensor, encodeValues } from '@soma/spec'
import { createModelEndpoint, oipServer } from '@soma/testkit/server'
import { ctx, loadEndpoint } from '../../test-answers.ts'

const row = (name: string, value: number): Tensor => ({
  name,
  dtype: 'float32',
  shape: [2, 3],
  data: encodeValues('float32', Array(6).fill(value)),
})

for (const binary of [true, false])
  test(`tensors go as ${binary ? 'bytes' : 'JSON'} where the server says so`, async () => {
    await using server = await createModelEndpoint(oipServer('sums', { binary }))
    await using model = await loadEndpoint({ api: 'oip', url: server.origin, model: 'sums' })
    const spec = (name: string) => ({ name, dtype: 'float32', shape: [2, -1] })
    assert.deepEqual(model.signature, { inputs: [spec('a'), spec('b')], outputs: [spec('sum'), spec('product')] })
    const inputs = [row('a', 3), row('b', 2)]
    assert.deepEqual((await model.infer?.({ inputs }, ctx))?.outputs, [row('sum', 5), row('product', 6)])
    assert.deepEqual((await model.infer?.({ inputs, outputs: ['product'] }, ctx))?.outputs, [row('product', 6)])
    const type = server.requests.at(-1)?.headers['content-type']
    assert.equal(type, binary ? 'application/octet-stream' : 'application/json')
  })

test('a server without the model, and answers that are none, are typed errors', async () => {
  await using server = await createModelEndpoint(oipServer('sums', { binary: true }))
  await assert.rejects(loadEndpoint({ api: 'oip', url: server.origin, model: 'gone' }), { code: 'engine/missing' })
  await using model = await loadEndpoint({ api: 'oip', url: server.origin, model: 'sums' })
  const outputs = [{ name: 'sum', datatype: 'FP32', shape: [2, 3], data: [1] }]
  for (const body of ['<html>', '{}', JSON.stringify({ outputs }), JSON.stringify({ outputs: [{ ...outputs[0], datatype: 'FP8' }] })]) {
    server.override('POST /v2/models/sums/infer', { body })
    await assert.rejects(model.infer?.({ inputs: [row('a', 1), row('b', 1)] }, ctx) ?? assert.fail(), {
      code: /^(engine\/failed|model\/input-mismatch)$/,
    })
  }
})
