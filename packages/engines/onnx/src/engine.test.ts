import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { isSomaError, silentLog } from '@soma/core'
import { type Dtype, type LoadedModel, type Tensor, type TensorValue, decodeValues, dtypes, encodeValues } from '@soma/spec'
import { type FixtureFiles, type ModelFixture, engineCompliance, layOut } from '@soma/testkit/engine'
import { arithmeticModel, externalDataModel, identityModel, reshapeModel, slowModel, writeOnnxModel } from '@soma/testkit/onnx'
import { createEngine } from './engine.ts'
import { descriptor } from './index.ts'
import { readSettings } from './options.ts'
import { importRuntime } from './runtime.ts'

const modelOf = (files: FixtureFiles): ModelFixture => ({ files, roles: { model: 'model.onnx' }, format: 'onnx', task: 'tensor-to-tensor' })
const tensor = (name: string, dtype: Dtype, shape: number[], values: TensorValue[]): Tensor => ({
  name,
  dtype,
  shape,
  data: encodeValues(dtype, values),
})
const row = (name: string, value: number, columns: number): Tensor => tensor(name, 'float32', [2, columns], Array(2 * columns).fill(value))

function arithmetic(seed: number, columns: number) {
  return {
    inputs: [row('a', seed, columns), row('b', 2, columns)],
    check: (outputs: readonly Tensor[]) => assert.deepEqual(outputs, [row('sum', seed + 2, columns), row('product', seed * 2, columns)]),
  }
}

engineCompliance({
  main: new URL('main.ts', import.meta.url),
  descriptor,
  model: { ...modelOf({ 'model.onnx': arithmeticModel() }), settings: { finite: ['a'] } },
  sample: (seed) => arithmetic(seed, seed + 1),
  big: (sizeBytes) => arithmetic(1, sizeBytes / 16),
  corrupt: [
    modelOf({ 'model.onnx': arithmeticModel().subarray(0, 60) }),
    modelOf({ 'model.onnx': externalDataModel('absent.bin', [1]).model }),
  ],
})

const pause = async (delayMs: number): Promise<void> => await (delayMs > 0 ? setTimeout(delayMs) : setImmediate())
const engine = createEngine({ importRuntime, residentBytes: () => process.memoryUsage.rss(), pause })
const ctx = { signal: new AbortController().signal, log: silentLog }

interface Loaded {
  readonly signature: LoadedModel['signature']
  infer(inputs: Tensor[], signal?: AbortSignal): Promise<readonly Tensor[]>
}

async function withModel(files: FixtureFiles, use: (model: Loaded) => Promise<void>, settings = {}): Promise<void> {
  const model = modelOf(files)
  await using folder = await layOut(model)
  await using loaded = await engine.load(folder.pkg, { threads: 1, settings }, ctx)
  const infer: Loaded['infer'] = async (inputs, signal = ctx.signal) => {
    const response = await loaded.infer?.({ inputs }, { ...ctx, signal })
    return response?.outputs ?? []
  }
  await use({ signature: loaded.signature, infer })
}

const extremes: Readonly<Record<Exclude<Dtype, 'bfloat16'>, TensorValue[]>> = {
  float16: [0, -0.5, 65504, 'NaN', 'Infinity'],
  float32: [0, 3.4028234663852886e38, 'NaN', '-Infinity'],
  float64: [0, Number.MAX_VALUE, Number.MIN_VALUE],
  int8: [-128, 127],
  int16: [-32768, 32767],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  int64: ['-9223372036854775808', '9223372036854775807'],
  uint8: [0, 255],
  uint16: [0, 65535],
  uint32: [0, 2 ** 32 - 1],
  uint64: [0, '18446744073709551615'],
  bool: [true, false],
  string: ['', 'ü 漢字 🙂', '\ufeffa'],
}

for (const dtype of dtypes.filter((dtype) => dtype !== 'bfloat16'))
  test(`${dtype} goes through bit for bit, aligned or not, and empty`, async () => {
    await withModel({ 'model.onnx': identityModel(dtype) }, async (model) => {
      assert.deepEqual(model.signature.inputs, [{ name: 'x', dtype, shape: [-1] }])
      const { data } = tensor('x', dtype, [extremes[dtype].length], extremes[dtype])
      const odd = new Uint8Array(data.byteLength + 1).subarray(1)
      odd.set(data)
      for (const bytes of [data, odd]) {
        const [y] = await model.infer([{ name: 'x', dtype, shape: [extremes[dtype].length], data: bytes }])
        assert.equal(y?.dtype, dtype)
        assert.deepEqual(y.data, data)
        assert.deepEqual(decodeValues(dtype, y.data), decodeValues(dtype, data))
      }
      assert.deepEqual(await model.infer([tensor('x', dtype, [0], [])]), [tensor('y', dtype, [0], [])])
    })
  })

test('bfloat16, which the library cannot take, is refused by name when the model is loaded', async () => {
  await assert.rejects(
    withModel({ 'model.onnx': identityModel('bfloat16') }, async () => undefined),
    (error) => isSomaError(error, 'model/unsupported') && error.details['type'] === 'bfloat16',
  )
})

test('Float16Array is still there for everyone else', () => {
  assert.equal(new Float16Array([1.5])[0], 1.5)
})

test('a rank that only the call decides is free in the signature', async () => {
  await withModel({ 'model.onnx': reshapeModel() }, async (model) => {
    assert.equal(model.signature.outputs[0]?.shape, null)
    const inputs = [tensor('x', 'float32', [6], [1, 2, 3, 4, 5, 6]), tensor('shape', 'int64', [3], [1, 2, 3])]
    assert.deepEqual((await model.infer(inputs))[0]?.shape, [1, 2, 3])
    const wrong = model.infer([tensor('x', 'float32', [6], [1, 2, 3, 4, 5, 6]), tensor('shape', 'int64', [1], [5])])
    await assert.rejects(wrong, (error) => isSomaError(error, 'engine/failed'))
  })
})

test('weights in a file of their own are found beside the model', async () => {
  const { model, data } = externalDataModel('weights/w.bin', [1, 2, 3])
  await withModel({ 'model.onnx': model, 'weights/w.bin': data }, async (loaded) => {
    assert.deepEqual(await loaded.infer([tensor('x', 'float32', [3], [1, 1, 1])]), [tensor('y', 'float32', [3], [2, 3, 4])])
  })
})

test('weights outside the package are refused', async () => {
  const { model } = externalDataModel('../../../../../../etc/hostname', [1])
  await assert.rejects(
    withModel({ 'model.onnx': model }, async () => undefined),
    (error) => isSomaError(error, 'model/load-failed'),
  )
})

test('a shape that only the graph refuses is a misfit of the input, not a failure of the engine', async () => {
  await withModel({ 'model.onnx': identityModel('float32', ['n', 'n']) }, async (model) => {
    const outcome = model.infer([tensor('x', 'float32', [6], [1, 2, 3, 4, 5, 6])])
    await assert.rejects(outcome, (error) => isSomaError(error, 'model/input-mismatch') && error.details['input'] === 'x')
  })
})

test('bytes that are no bool are refused with their place', async () => {
  await withModel({ 'model.onnx': identityModel('bool') }, async (model) => {
    const inputs = [{ name: 'x', dtype: 'bool' as const, shape: [3], data: Uint8Array.of(0, 1, 2) }]
    await assert.rejects(model.infer(inputs), /2 at element 2/)
  })
})

test('a string with a NUL, which the library would cut there, is refused with its place', async () => {
  await withModel({ 'model.onnx': identityModel('string') }, async (model) => {
    await assert.rejects(model.infer([tensor('x', 'string', [2], ['a', 'b\0c'])]), /NUL.*element 1/)
  })
})

test('an operator that the library does not have is a failed load that names it', async () => {
  const model = writeOnnxModel({
    inputs: [{ name: 'x', dtype: 'float32', shape: ['n'] }],
    outputs: [{ name: 'y', dtype: 'float32', shape: ['n'] }],
    nodes: [{ op: 'NoSuchOperator', inputs: ['x'], outputs: ['y'] }],
  })
  await assert.rejects(
    withModel({ 'model.onnx': model }, async () => undefined),
    (error) => isSomaError(error, 'model/load-failed') && error.message.includes('NoSuchOperator'),
  )
})

test('settings that the engine does not have are refused by name', async () => {
  const files = { 'model.onnx': identityModel('float32') }
  await assert.rejects(
    withModel(files, async () => undefined, { device: 'cuda' }),
    (error) => isSomaError(error, 'config/invalid') && error.message.includes('device'),
  )
})

test('the descriptor tells every setting, with what it is without', () => {
  const defaults = readSettings({})
  const optional = { batchMax: 2 }
  assert.deepEqual(Object.keys(readSettings(optional)).sort(), (descriptor.options ?? []).map(({ name }) => name).sort())
  for (const option of descriptor.options ?? [])
    assert.deepEqual(defaults[option.name as keyof typeof defaults], option.default, option.name)
})

test('cancelled calls that wait for their turn are never run', async () => {
  await withModel({ 'model.onnx': slowModel(64, 50) }, async (model) => {
    const cancel = new AbortController()
    const inputs = [tensor('x', 'float32', [64, 64], Array(4096).fill(1))]
    const first = model.infer(inputs)
    const second = model.infer(inputs, cancel.signal)
    cancel.abort()
    await assert.rejects(second, (error) => isSomaError(error, 'call/cancelled'))
    assert.equal((await first).length, 1)
  })
})

test('without the native library the probe says what to install, and loading is unsupported', async () => {
  const engine = createEngine({
    importRuntime: () => Promise.reject(new Error("Cannot find module 'x.node'")),
    pause,
    residentBytes: () => 0,
  })
  const support = await engine.probe({ platform: 'linux', arch: 'x64', cpus: 1, memoryBytes: 1, memoryAvailableBytes: 1 })
  assert.equal(support.supported, false)
  assert.match(support.reason, /npm install onnxruntime-node/)
  await using folder = await layOut(modelOf({ 'model.onnx': identityModel('float32') }))
  await assert.rejects(engine.load(folder.pkg, { threads: 1, settings: {} }, ctx), (error) => isSomaError(error, 'model/unsupported'))
})
