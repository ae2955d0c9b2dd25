import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Tensor, decodeValues, encodeValues, smiMethods } from '@soma/spec'
import { EngineUnderTest, type FixtureFiles, type ModelFixture, layOut } from '@soma/testkit/engine'
import { frameworkModels, testPython } from './test-models.ts'

const python = await testPython()
const why = Object.fromEntries(['tensorflow', 'keras', 'jax', 'torch', 'transformers'].map((name) => [name, python.skip(name)]))
const files: FixtureFiles =
  python.interpreter !== undefined && Object.values(why).includes(false) ? frameworkModels(python.interpreter) : {}

const x: Tensor = { name: 'x', dtype: 'float32', shape: [2, 3], data: encodeValues('float32', [0, 1, 2, 3, 4, 5]) }
const line = [1, 3, 5, 7, 9, 11]

interface Case extends Omit<ModelFixture, 'task' | 'files'> {
  readonly needs: readonly string[]
  readonly folder?: string
  readonly input?: string
  readonly output?: string
}

const cases: Readonly<Record<string, Case>> = {
  'a SavedModel of TensorFlow': {
    format: 'saved-model',
    needs: ['tensorflow'],
    roles: { model: 'saved/saved_model.pb' },
    folder: 'saved/',
  },
  'a model of Keras': { format: 'keras', needs: ['keras'], roles: { model: 'model.keras' } },
  'a function that JAX exported': { format: 'jax-export', needs: ['jax'], roles: { model: 'model.jax_exported' }, input: 'input' },
  'an ExportedProgram of PyTorch': { format: 'exported-program', needs: ['torch'], roles: { model: 'model.pt2' }, output: 'output' },
}

for (const [name, { needs, folder, input = 'x', output = 'y', ...fixture }] of Object.entries(cases)) {
  const missing = needs.map((need) => why[need]).find((reason) => reason !== false)
  const isMade = Object.keys(files).includes(Object.values(fixture.roles)[0] ?? '')
  const skip = missing ?? (isMade ? false : `this version of ${needs[0]} does not write ${fixture.format}`)
  test(`${name} says what it takes, and gives exact values`, { skip }, async () => {
    const own = Object.entries(files).filter(([path]) => (folder === undefined ? path === fixture.roles['model'] : path.startsWith(folder)))
    const model: ModelFixture = { ...fixture, files: Object.fromEntries(own), task: 'tensor-to-tensor' }
    await using laid = await layOut(model)
    await using engine = new EngineUnderTest(new URL('main.ts', import.meta.url))
    await engine.hello()
    const { signature } = await engine.load(laid.pkg)
    assert.deepEqual(signature.inputs, [{ name: input, dtype: 'float32', shape: [-1, 3] }])
    assert.deepEqual(
      signature.outputs.map(({ name }) => name),
      [output],
    )
    const [answer] = await engine.infer([{ ...x, name: input }])
    assert.deepEqual(answer && { ...answer, data: decodeValues('float32', answer.data) }, {
      name: output,
      dtype: 'float32',
      shape: [2, 3],
      data: line,
    })
    await assert.rejects(engine.infer([{ ...x, name: input, shape: [3, 2] }]), { code: 'model/input-mismatch' })
  })
}

test(
  'weights and a configuration are run by Transformers, give what that gives, and become ONNX',
  { skip: why['torch'] || why['transformers'] || false },
  async () => {
    const own = Object.entries(files).filter(([path]) => path.startsWith('bert/') && !path.endsWith('.bin'))
    const model: ModelFixture = {
      files: Object.fromEntries(own),
      roles: { model: 'bert/model.safetensors' },
      format: 'safetensors',
      task: 'tensor-to-tensor',
    }
    await using laid = await layOut(model)
    await using engine = new EngineUnderTest(new URL('main.ts', import.meta.url))
    await engine.hello()
    await engine.load(laid.pkg)
    const ids: Tensor = { name: 'input_ids', dtype: 'int64', shape: [1, 3], data: encodeValues('int64', [1, 2, 3]) }
    const [logits] = await engine.infer([ids])
    assert.deepEqual(logits?.shape, [1, 3])
    const expected = decodeValues('float32', files['bert/logits.bin'] as Uint8Array) as number[]
    for (const [index, value] of decodeValues('float32', logits?.data ?? new Uint8Array()).entries())
      assert.ok(Math.abs((value as number) - (expected[index] ?? NaN)) < 1e-6, `${value} is not ${expected[index]}`)
    await using target = await layOut({ ...model, files: {}, roles: {} })
    const request = { package: laid.pkg, to: 'onnx', directory: target.pkg.directory, settings: {} }
    const converted = smiMethods.convert.output.parse(await engine.askRaw('convert', request))
    assert.deepEqual(converted.files, ['model.onnx'])
    assert.match(converted.notes.join(), /were not compared|differ by \S+e-\d+ at most on 2 examples/)
  },
)

test('a format whose framework is not installed is refused with what to install', { skip: why['torch'] }, async (t) => {
  const absent = Object.values(cases).find(({ needs }) => needs.some((need) => why[need] !== false))
  if (!absent) return t.skip('every framework is installed')
  await using laid = await layOut({ ...absent, files: { [absent.roles['model'] ?? '']: 'x' }, task: 'tensor-to-tensor' })
  await using engine = new EngineUnderTest(new URL('main.ts', import.meta.url))
  await engine.hello()
  await assert.rejects(engine.load(laid.pkg), (error: Error & { code?: string }) => {
    assert.equal(error.code, 'engine/missing')
    assert.match(error.message, /pip install/)
    return true
  })
})
