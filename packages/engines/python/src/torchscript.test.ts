import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type ErrorCode, isSomaError } from '@soma/core'
import { type Dtype, type Tensor, type TensorValue, decodeValues, encodeValues, smiMethods } from '@soma/spec'
import { EngineUnderTest, type ModelFixture, layOut } from '@soma/testkit/engine'
import { testPython, torchModels } from './test-models.ts'

const python = await testPython()
const skip = python.skip('torch')
const files = skip === false && python.interpreter !== undefined ? torchModels(python.interpreter) : {}

const tensor = (name: string, dtype: Dtype, shape: number[], values: TensorValue[]): Tensor => ({
  name,
  dtype,
  shape,
  data: encodeValues(dtype, values),
})
const read = (tensors: readonly Tensor[]) =>
  tensors.map(({ name, dtype, shape, data }) => ({ name, dtype, shape, values: decodeValues(dtype, data) }))

function modelOf(path: string, format = 'torchscript'): ModelFixture {
  return { files: { [path]: files[path] ?? '' }, roles: { model: path }, format, task: 'tensor-to-tensor' }
}

/** Loads a model until it is disposed. */
async function load(engine: EngineUnderTest, path: string, settings: ModelFixture['settings'] = {}) {
  const stack = new AsyncDisposableStack()
  const folder = stack.use(await layOut(modelOf(path)))
  const { signature } = await engine.load(folder.pkg, settings)
  stack.defer(async () => void (await engine.ask('unload', {})))
  return { signature, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

async function refusal(answer: Promise<unknown>, code: ErrorCode): Promise<string> {
  const error: unknown = await answer.then(
    () => assert.fail('it was not refused'),
    (thrown: unknown) => thrown,
  )
  assert.ok(isSomaError(error, code), String(error))
  return error.message
}

void describe('TorchScript', { skip }, () => {
  // One process for all: a start takes as long as everything else together.
  let engine: EngineUnderTest
  before(async () => {
    engine = new EngineUnderTest(new URL('main.ts', import.meta.url))
    await engine.hello()
  })
  after(() => engine[Symbol.asyncDispose]())

  void test('inputs, optional ones and plain numbers are read from the program; indices of a table are whole numbers', async () => {
    await using model = await load(engine, 'table.pt')
    assert.deepEqual(model.signature, {
      inputs: [
        { name: 'ids', dtype: 'int64', shape: null },
        { name: 'scale', dtype: 'float32', shape: null, optional: true },
        { name: 'times', dtype: 'float64', shape: [], optional: true },
      ],
      outputs: [
        { name: 'rows', dtype: 'float32', shape: null },
        { name: 'sums', dtype: 'float32', shape: null },
      ],
    })
    const ids = tensor('ids', 'int64', [2], [1, 3])
    assert.deepEqual(read(await engine.infer([ids])), [
      { name: 'rows', dtype: 'float32', shape: [2, 3], values: [3, 4, 5, 9, 10, 11] },
      { name: 'sums', dtype: 'float32', shape: [2], values: [12, 30] },
    ])
    const scaled = await engine.infer([ids, tensor('scale', 'float32', [3], [1, 0, 0]), tensor('times', 'float64', [], [10])], {
      outputs: ['sums'],
    })
    assert.deepEqual(read(scaled), [{ name: 'sums', dtype: 'float32', shape: [2], values: [30, 90] }])
    assert.match(await refusal(engine.infer([tensor('ids', 'int64', [1], [99])]), 'engine/failed'), /index out of range/)
  })

  void test('weights that are known give values that are known, and empty tensors go through', async () => {
    await using _model = await load(engine, 'linear.pt', { inputs: ['x float32[?, 3]'] })
    assert.deepEqual(read(await engine.infer([tensor('x', 'float32', [2, 3], [1, 1, 1, -1, 0, 0])])), [
      { name: 'output', dtype: 'float32', shape: [2, 2], values: [6.5, 14.5, 0, 0] },
    ])
    assert.deepEqual(read(await engine.infer([tensor('x', 'float32', [0, 3], [])])), [
      { name: 'output', dtype: 'float32', shape: [0, 2], values: [] },
    ])
  })

  void test('a shape that only the graph knows, and an exception in it, are typed, and the next call works', async () => {
    const linear = await load(engine, 'linear.pt')
    assert.match(await refusal(engine.infer([tensor('x', 'float32', [2, 5], Array(10).fill(0))]), 'model/input-mismatch'), /mat1 and mat2/)
    assert.equal((await engine.infer([tensor('x', 'float32', [1, 3], [0, 0, 0])])).length, 1)
    await linear[Symbol.asyncDispose]()
    await using _odd = await load(engine, 'odd.pt')
    const x = tensor('x', 'float32', [1], [1])
    assert.match(await refusal(engine.infer([x, tensor('do', 'int64', [], [1])]), 'engine/failed'), /it was asked to fail/)
    assert.deepEqual(read(await engine.infer([x, tensor('do', 'int64', [], [0])]))[0]?.values, [1])
  })

  void test('while a loop in native code never ends, the process says that it lives and that it is busy', async () => {
    await using folder = await layOut(modelOf('odd.pt'))
    await using engine = new EngineUnderTest(new URL('main.ts', import.meta.url))
    await engine.hello()
    await engine.load(folder.pkg)
    const cancel = new AbortController()
    const endless = engine.infer([tensor('x', 'float32', [1], [1]), tensor('do', 'int64', [], [2])], { signal: cancel.signal })
    assert.equal((await engine.ask('health', {})).busy, 1)
    cancel.abort()
    await refusal(endless, 'call/cancelled')
    // It still runs; the host ends such a process.
    assert.equal((await engine.ask('health', {})).busy, 1)
  })

  void test('weights without a program, and inputs that are no tensors, are refused with what to do', async () => {
    for (const format of ['torchscript', 'pytorch']) {
      await using folder = await layOut(modelOf('weights.pt', format))
      assert.match(await refusal(engine.load(folder.pkg), 'model/unsupported'), /holds weights and no program.*torch\.jit\.trace/)
    }
    await using folder = await layOut(modelOf('names.pt'))
    assert.match(await refusal(engine.load(folder.pkg), 'model/unsupported'), /"x" of forward is a List\[str\]/)
    await using good = await layOut(modelOf('linear.pt'))
    assert.match(await refusal(engine.load(good.pkg, { inputs: ['y float32[1]'] }), 'config/invalid'), /no input "y"; it has x/)
    assert.match(
      await refusal(engine.load(good.pkg, { inputs: ['x float33[1]'] }), 'config/invalid'),
      /expected e\.g\. "x float32\[\?, 3\]"/,
    )
  })

  void test('a model becomes ONNX, whose sizes are free where they were said to be', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'soma-python-'))
    try {
      await using folder = await layOut(modelOf('linear.pt'))
      const request = { package: folder.pkg, to: 'onnx', directory, settings: { inputs: ['x float32[?, 3]'] } }
      const result = smiMethods.convert.output.parse(await engine.askRaw('convert', request))
      assert.deepEqual(result.files, ['model.onnx'])
      assert.deepEqual(await readdir(directory), ['model.onnx'])
      assert.match(result.notes.join(), /differ by|were not compared/)
      assert.match(
        await refusal(engine.askRaw('convert', { ...request, settings: {} }), 'config/invalid'),
        /sizes of the input "x" stand nowhere/,
      )
      assert.match(
        await refusal(engine.askRaw('convert', { ...request, to: 'gguf' }), 'model/unsupported'),
        /converts torchscript and safetensors into onnx/,
      )
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  })
})
