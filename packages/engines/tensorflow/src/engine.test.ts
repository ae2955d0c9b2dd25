import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import process from 'node:process'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { type ErrorCode, defined, isSomaError, silentLog } from '@soma/core'
import { type Dtype, type EngineContext, type LoadedModel, type Tensor, type TensorValue, decodeValues, encodeValues } from '@soma/spec'
import { type ModelFixture, engineCompliance, layOut } from '@soma/testkit/engine'
import { memory } from '@tensorflow/tfjs-core'
import { createEngine } from './engine.ts'
import { descriptor } from './index.ts'
import { affineModel, float, graphModel, layersModel, lite, liteModel, placeholder, tfjs } from './test-models.ts'

const engine = createEngine({ residentBytes: () => process.memoryUsage.rss(), collectGarbage: () => undefined })
const ctx: EngineContext = { signal: new AbortController().signal, log: silentLog }
const tensor = (name: string, dtype: Dtype, shape: number[], values: TensorValue[]): Tensor => ({
  name,
  dtype,
  shape,
  data: encodeValues(dtype, values),
})

async function withModel(fixture: ModelFixture, use: (model: LoadedModel) => Promise<void>, settings = {}): Promise<void> {
  await using folder = await layOut(fixture)
  await using model = await engine.load(folder.pkg, { threads: 1, settings }, ctx)
  await use(model)
}

async function infer(model: LoadedModel, inputs: readonly Tensor[], outputs?: readonly string[]): Promise<readonly Tensor[]> {
  return (await defined(model.infer?.({ inputs, outputs }, ctx), 'it infers')).outputs
}

const values = ({ dtype, data }: Tensor): TensorValue[] => decodeValues(dtype, data)
const refusal =
  (code: ErrorCode, pattern: RegExp) =>
  (error: unknown): boolean =>
    isSomaError(error, code) && pattern.test(error.message)

/** Both formats, in real processes. */
const x = (seed: number, rows: number): Tensor => tensor('x', 'float32', [rows, 3], Array(3 * rows).fill(seed))
engineCompliance({
  main: new URL('main.ts', import.meta.url),
  descriptor,
  model: affineModel(3),
  sample: (seed) => ({
    inputs: [x(seed, seed + 1)],
    check: (outputs) =>
      assert.deepEqual(
        outputs[0],
        tensor('y', 'float32', [seed + 1, 2], Array.from({ length: seed + 1 }, () => [10 + 2 * seed, 20 + 2 * seed]).flat()),
      ),
  }),
  big: (sizeBytes) => ({
    inputs: [x(1, Math.ceil(sizeBytes / 12))],
    check: (outputs) => assert.equal(outputs[0]?.shape[0], Math.ceil(sizeBytes / 12)),
  }),
  corrupt: [
    tfjs({ 'model.json': '{"modelTopology": {"node": 1}}' }),
    { ...affineModel(), files: { 'model.json': affineModel().files['model.json'] ?? '' } },
  ],
})

const arithmetic = liteModel(
  [
    ['a', 0],
    ['b', 0],
  ],
  [
    ['sum', 0, 0],
    ['product', 0, 18],
  ],
)
engineCompliance({
  main: new URL('main.ts', import.meta.url),
  descriptor,
  model: arithmetic,
  sample(seed) {
    const row = (name: string, value: number): Tensor => tensor(name, 'float32', [2, 3], Array(6).fill(value))
    return {
      inputs: [row('a', seed), row('b', 2)],
      check: (outputs) => assert.deepEqual(outputs, [row('sum', seed + 2), row('product', seed * 2)]),
    }
  },
})

for (const backend of ['wasm', 'cpu'])
  test(`a graph computes the same on ${backend}, with every kind of number`, async () => {
    await withModel(
      affineModel(),
      async (model) => {
        const sent = [tensor('x', 'float32', [2, 3], [1, 2, 3, 30, 0, -5])]
        assert.deepEqual(await infer(model, sent, ['y', 'best', 'high']), [
          tensor('y', 'float32', [2, 2], [14, 25, 35, 15]),
          tensor('best', 'int32', [2], [1, 0]),
          tensor('high', 'bool', [2, 2], [false, true, true, false]),
        ])
        assert.deepEqual((await infer(model, [x(0, 1)], ['high'])).map(values), [[false, false]])
      },
      { backend },
    )
  })

test('a graph is known by its nodes: names, dtypes, free sizes', async () => {
  await withModel(affineModel(), async ({ signature }) => {
    assert.deepEqual(signature.inputs, [{ name: 'x', dtype: 'float32', shape: [-1, 3] }])
    const dtypes = Object.fromEntries(signature.outputs.map(({ name, dtype }) => [name, dtype]))
    assert.deepEqual(dtypes, { y: 'float32', best: 'int32', high: 'bool' })
  })
})

test('where a graph has a signature, its names are those', async () => {
  const nodes = [
    placeholder('serving_x', 'DT_STRING', [-1]),
    { name: 'Identity', op: 'Identity', input: ['serving_x'], attr: { T: { type: 'DT_STRING' } } },
  ]
  const signature = {
    inputs: { text: { name: 'serving_x:0', dtype: 'DT_STRING', tensorShape: { dim: [{ size: '-1' }] } } },
    outputs: { 'same:0': { name: 'Identity:0', dtype: 'DT_STRING', tensorShape: { dim: [{ size: '-1' }] } } },
  }
  await withModel(graphModel(nodes, { signature }), async (model) => {
    const spec = { dtype: 'string', shape: [-1] }
    assert.deepEqual(model.signature.inputs, [{ name: 'text', ...spec }])
    assert.deepEqual(model.signature.outputs, [{ name: 'same', ...spec }])
    const [same] = await infer(model, [tensor('text', 'string', [2], ['ü 漢字', ''])])
    assert.deepEqual(same, tensor('same', 'string', [2], ['ü 漢字', '']))
  })
})

test('layers compute what the graph does, and know their sizes', async () => {
  await withModel(layersModel(), async (model) => {
    const [output] = model.signature.outputs
    assert.deepEqual(
      model.signature.inputs.map(({ dtype, shape }) => [dtype, shape]),
      [['float32', [-1, 3]]],
    )
    assert.deepEqual([output?.dtype, output?.shape], ['float32', [-1, 2]])
    const name = model.signature.inputs[0]?.name ?? ''
    const [y] = await infer(model, [tensor(name, 'float32', [2, 3], [1, 2, 3, 30, 0, -5])])
    assert.deepEqual(y && values(y), [14, 25, 35, 15])
  })
})

test('operators whose shapes depend on values run, too', async () => {
  const where = [placeholder('x', 'DT_BOOL', [-1]), { name: 'at', op: 'Where', input: ['x'], attr: { T: { type: 'DT_BOOL' } } }]
  await withModel(graphModel(where), async (model) => {
    for (const [sent, expected] of [
      [
        [true, false, true],
        [0, 2],
      ],
      [[false], []],
    ] as const) {
      const [at] = await infer(model, [tensor('x', 'bool', [sent.length], [...sent])])
      assert.deepEqual(at && values(at), expected)
    }
  })
})

const einsum = (): ModelFixture =>
  graphModel([
    placeholder('a', 'DT_FLOAT', [-1, 2]),
    placeholder('b', 'DT_FLOAT', [2, -1]),
    {
      name: 'c',
      op: 'Einsum',
      input: ['a', 'b'],
      attr: { ...float, equation: { s: Buffer.from('ij,jk->ik').toString('base64') }, N: { i: '2' } },
    },
  ])

test('an operator that WebAssembly has not is computed in JavaScript, unless that was refused', async () => {
  const inputs = [tensor('a', 'float32', [1, 2], [3, 4]), tensor('b', 'float32', [2, 1], [10, 1])]
  await withModel(einsum(), async (model) => {
    for (let count = 0; count < 3; count++) assert.deepEqual((await infer(model, inputs)).map(values), [[34]])
  })
  const refused = (model: LoadedModel): Promise<void> =>
    assert.rejects(infer(model, inputs), refusal('engine/failed', /Einsum.*not registered for backend 'wasm'/))
  await withModel(einsum(), refused, { backend: 'wasm' })
})

test('a hundred calls, good and bad, leave nothing behind in the library', async () => {
  await withModel(affineModel(), async (model) => {
    await infer(model, [x(1, 2)])
    const before = memory().numTensors
    for (let seed = 0; seed < 100; seed++) await infer(model, [x(seed, seed % 5)], seed % 2 === 0 ? ['y'] : ['best', 'high', 'y'])
    await assert.rejects(infer(model, [tensor('x', 'float32', [2, 2], [1, 2, 3, 4])]), (error) => isSomaError(error, 'engine/failed'))
    assert.equal(memory().numTensors, before)
  })
  await withModel(layersModel(), async (model) => {
    const name = model.signature.inputs[0]?.name ?? ''
    const before = memory().numTensors
    for (let count = 0; count < 100; count++) await infer(model, [{ ...x(1, 2), name }])
    assert.equal(memory().numTensors, before)
  })
})

test('weights come from the files that the package has, and from no others', async () => {
  const { files } = affineModel(2)
  const text = String(files['model.json'])
  for (const [json, pattern] of [
    [text.replace('group1-shard2of2.bin', '../outside.bin'), /lacks .*outside.bin/],
    [text.replace('"shape":[3,2]', '"shape":[3,200]'), /model.json/],
    [text.replace('graph-model', 'picture'), /neither "graph-model" nor "layers-model"/],
  ] as const)
    await assert.rejects(
      withModel(tfjs({ ...files, 'model.json': json }), async () => undefined),
      refusal('model/load-failed', pattern),
      String(pattern),
    )
})

test('operators that nobody knows are named when the model is loaded', async () => {
  const model = String(affineModel().files['model.json']).replace('"BiasAdd"', '"Telepathy"')
  await assert.rejects(
    withModel(tfjs({ ...affineModel().files, 'model.json': model }), async () => undefined),
    refusal('model/unsupported', /no operator Telepathy/),
  )
})

/** Google's detector of faces (Apache-2.0). What it answers was computed with the Python package ai-edge-litert 1.x. */
const face = createRequire(import.meta.url).resolve('@mediapipe/face_detection/face_detection_short_range.tflite')

test('a real TensorFlow Lite model answers what Google’s own runtime does', async () => {
  await withModel(lite(pathToFileURL(face)), async (model) => {
    assert.deepEqual(model.signature.inputs, [{ name: 'input', dtype: 'float32', shape: [1, 128, 128, 3] }])
    const picture = Array.from({ length: 128 * 128 * 3 }, (_, at) => ((at * 37) % 255) / 127.5 - 1)
    const [boxes, scores] = await infer(model, [tensor('input', 'float32', [1, 128, 128, 3], picture)], ['regressors', 'classificators'])
    assert.deepEqual(
      [boxes?.shape, scores?.shape],
      [
        [1, 896, 16],
        [1, 896, 1],
      ],
    )
    for (const [output, first, sum] of [
      [boxes, [0.6143392, -0.24302556, 27.69139, 27.691097], 79_651.42],
      [scores, [-4.665186, -4.0322328, -4.4588256, -3.800302], -3954.2007],
    ] as const) {
      const numbers = values(defined(output, 'it was asked for')).map(Number)
      for (const [at, expected] of first.entries())
        assert.ok(Math.abs((numbers[at] ?? NaN) - expected) < 1e-3, `${numbers[at]} for ${expected}`)
      const total = numbers.reduce((all, value) => all + value, 0)
      assert.ok(Math.abs(total - sum) < Math.abs(sum) * 1e-4, `${total} for ${sum}`)
    }
  })
})

test('TensorFlow Lite computes with int32, and keeps nothing of a hundred calls', async () => {
  const integers = liteModel(
    [
      ['a', 2],
      ['b', 2],
    ],
    [['sum', 2, 0]],
    [4],
  )
  await withModel(integers, async (model) => {
    const inputs = [tensor('a', 'int32', [4], [1, -2, 2 ** 30, 0]), tensor('b', 'int32', [4], [1, 1, 2 ** 29, 0])]
    const expected = [tensor('sum', 'int32', [4], [2, -1, 2 ** 30 + 2 ** 29, 0])]
    for (let count = 0; count < 100; count++) assert.deepEqual(await infer(model, inputs), expected)
  })
})

test('a TensorFlow Lite model that is damaged, or has not the wanted signature, is refused', async () => {
  const { files } = arithmetic
  const whole = files['model.tflite'] as Uint8Array
  await assert.rejects(
    withModel(lite(whole.subarray(0, 100)), async () => undefined),
    refusal('model/load-failed', /model.tflite/),
  )
  const wrong = { signature: 'train' }
  await assert.rejects(
    withModel(arithmetic, async () => undefined, wrong),
    refusal('model/unsupported', /signature "train": the model has "/),
  )
})

test('settings that it does not know, and devices that it has not, are refused by name', async () => {
  await using folder = await layOut(arithmetic)
  for (const settings of [{ volume: 11 }, { backend: 'webgl' }])
    await assert.rejects(
      engine.load(folder.pkg, { threads: 1, settings }, ctx),
      refusal('config/invalid', new RegExp(Object.keys(settings)[0] ?? '')),
    )
  await assert.rejects(engine.load(folder.pkg, { threads: 1, settings: {}, device: 'cuda:0' }, ctx), refusal('model/unsupported', /cuda:0/))
})
