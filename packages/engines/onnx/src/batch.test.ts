import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { silentLog } from '@soma/core'
import { type InferRequest, type LoadedModel, type Tensor, encodeValues } from '@soma/spec'
import { type FixtureFiles, layOut } from '@soma/testkit/engine'
import { type OnnxValue, writeOnnxModel } from '@soma/testkit/onnx'
import fc from 'fast-check'
import { fitTogether, isBatchable, merge, namesBatch, nextBatch, split } from './batch.ts'
import { createEngine } from './engine.ts'
import { importRuntime } from './runtime.ts'

const WIDTH = 8
const weights = encodeValues(
  'float32',
  Array.from({ length: WIDTH * WIDTH }, (_, index) => (index % 5) - 2),
)

/** `y = x · w`, whole numbers so that sums are exact in any order, along a first dimension of some name. */
function productModel(first: string): Uint8Array {
  const value = (name: string): OnnxValue => ({ name, dtype: 'float32', shape: [first, WIDTH] })
  return writeOnnxModel({
    inputs: [value('x')],
    outputs: [value('y')],
    nodes: [{ op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'] }],
    initializers: [{ name: 'w', dtype: 'float32', shape: [WIDTH, WIDTH], data: weights }],
  })
}

/** `y` is the sum over all examples, in as many rows as there are: joined requests would see each other. */
function mixingModel(): Uint8Array {
  return writeOnnxModel({
    inputs: [{ name: 'x', dtype: 'float32', shape: ['batch', 2] }],
    outputs: [{ name: 'y', dtype: 'float32', shape: ['batch_out', 2] }],
    nodes: [{ op: 'ReduceSum', inputs: ['x', 'axes'], outputs: ['y'], attributes: { keepdims: 1n } }],
    initializers: [{ name: 'axes', dtype: 'int64', shape: [1], data: encodeValues('int64', [0]) }],
  })
}

function request(rows: number, seed: number, width = WIDTH): InferRequest {
  const values = Array.from({ length: rows * width }, (_, index) => ((index * 7 + seed * 13) % 11) - 5)
  return { inputs: [{ name: 'x', dtype: 'float32', shape: [rows, width], data: encodeValues('float32', values) }] }
}

let runs = 0
const engine = createEngine({
  importRuntime: async () => {
    const runtime = await importRuntime()
    const create: typeof runtime.InferenceSession.create = async (path, options) => {
      const session = await runtime.InferenceSession.create(path, options)
      const run = session.run.bind(session)
      return Object.assign(session, { run: (...input: Parameters<typeof run>) => ((runs += 1), run(...input)) })
    }
    return { ...runtime, Tensor: runtime.Tensor, InferenceSession: { create } }
  },
  residentBytes: () => 1,
  pause: async () => await setImmediate(),
})
const ctx = { signal: new AbortController().signal, log: silentLog }

async function withModel(model: Uint8Array, settings: object, use: (model: LoadedModel) => Promise<void>): Promise<void> {
  const files: FixtureFiles = { 'model.onnx': model }
  await using folder = await layOut({ files, roles: { model: 'model.onnx' }, format: 'onnx', task: 'tensor-to-tensor' })
  await using loaded = await engine.load(folder.pkg, { threads: 1, settings: { ...settings } }, ctx)
  await use(loaded)
}

async function infer(model: LoadedModel, asked: InferRequest): Promise<readonly Tensor[]> {
  return (await model.infer?.(asked, ctx))?.outputs ?? []
}

describe('dynamic batches', () => {
  it('give each request the answer that it gets alone, in far fewer runs', async () => {
    const requests = Array.from({ length: 40 }, (_, index) => request(1 + (index % 3), index))
    const alone: Array<readonly Tensor[]> = []
    await withModel(productModel('batch'), { batchMax: 1 }, async (model) => {
      assert.equal(model.concurrency, 1)
      for (const asked of requests) alone.push(await infer(model, asked))
    })
    await withModel(productModel('batch'), {}, async (model) => {
      assert.equal(model.concurrency, 32)
      runs = 0
      assert.deepEqual(await Promise.all(requests.map((asked) => infer(model, asked))), alone)
      assert.ok(runs <= 5, `${runs} runs`)
    })
  })

  it('are made without being asked for only where the graph calls the dimension a batch', async () => {
    await withModel(productModel('time'), {}, async (model) => assert.equal(model.concurrency, 1))
    await withModel(productModel('time'), { batchMax: 4 }, async (model) => assert.equal(model.concurrency, 4))
    assert.equal(namesBatch(['batch_size', 'batch_size']), true)
    assert.equal(namesBatch(['batch', 'batch_out']), false)
    assert.equal(namesBatch([1, 1]), false)
  })

  it('leave out what does not fit, and a request that fails does not fail the others', async () => {
    await withModel(productModel('batch'), {}, async (model) => {
      const good = infer(model, request(1, 1))
      const bad = infer(model, request(1, 1, WIDTH + 1))
      const other = infer(model, request(2, 2))
      await assert.rejects(bad, { code: 'model/input-mismatch' })
      assert.deepEqual(
        [(await good)[0]?.shape, (await other)[0]?.shape],
        [
          [1, WIDTH],
          [2, WIDTH],
        ],
      )
    })
  })

  it('are given up when the answer does not come apart', async () => {
    await withModel(mixingModel(), { batchMax: 8 }, async (model) => {
      const answers = await Promise.all([1, 2, 3].map((seed) => infer(model, request(1, seed, 2))))
      for (const [index, outputs] of answers.entries()) assert.deepEqual(outputs[0]?.data, request(1, index + 1, 2).inputs[0]?.data)
    })
  })

  it('drop a request whose caller has gone', async () => {
    await withModel(productModel('batch'), {}, async (model) => {
      const gone = new AbortController()
      const first = infer(model, request(1, 1))
      const second = model.infer?.(request(1, 2), { ...ctx, signal: gone.signal }) ?? Promise.resolve()
      gone.abort()
      await assert.rejects(second, { code: 'call/cancelled' })
      assert.equal((await first).length, 1)
    })
  })
})

describe('merging and splitting', () => {
  it('are each other’s opposites', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 10 }), (rows) => {
        const requests = rows.map((count, index) => request(count, index))
        const { inputs } = merge(requests)
        assert.deepEqual(
          split({ outputs: inputs }, rows)?.map(({ outputs }) => outputs),
          requests.map((one) => one.inputs),
        )
      }),
    )
  })

  it('take only what fits together, up to the limit', () => {
    assert.equal(fitTogether(request(1, 1), request(3, 2)), true)
    assert.equal(fitTogether(request(1, 1), request(1, 1, 4)), false)
    assert.equal(fitTogether(request(1, 1), { ...request(1, 1), outputs: ['y'] }), false)
    assert.deepEqual(nextBatch([request(2, 0), request(1, 0, 4), request(3, 0), request(2, 0)], 4), [0, 3])
    assert.deepEqual(nextBatch([request(0, 0), request(1, 0)], 4), [0])
    assert.equal(isBatchable({ inputs: [{ name: 'x', dtype: 'float32', shape: [2, -1] }], outputs: [] }), false)
  })
})
