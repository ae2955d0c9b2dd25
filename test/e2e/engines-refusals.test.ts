// What no engine here can do: the refusal says what is missing, who could, or what would fit.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { MIB, refused, soma as run } from './attack.ts'
import { EnginesWorld, tinyGguf } from './engines-world.ts'

const NO_PYTHON = '/nonexistent/python3'
/** Fits the tiny model with a short context, and not with its own. */
const BUDGET_BYTES = 186 * MIB

describe('a model that cannot run here', () => {
  let world: EnginesWorld
  before(async () => {
    world = await EnginesWorld.start({ env: { SOMA_PYTHON: NO_PYTHON } })
    await world.install('tiny', tinyGguf)
  })
  after(async () => await world?.[Symbol.asyncDispose]())

  test('names what to install where its engine is missing', async () => {
    await world.offer('jax', { 'model.jax_exported': 'serialised' })
    const call = world.soma.model.infer({ model: 'jax', inputs: [] })
    await refused(call, 'engine/missing', /nonexistent\/python3 cannot be run.*soma config set engines\.python/)
    const { engines } = await world.soma.engine.doctor({ engine: 'python' })
    const remedies = engines.flatMap(({ checks }) => checks.flatMap(({ remedy }) => remedy ?? []))
    assert.match(remedies.join(), /apt install python3-torch.*pip install torch.*soma config set engines\.python/)
    const { candidates } = await world.soma.model.explain({ model: 'jax' })
    assert.match(candidates.find(({ engine }) => engine === 'python')?.problems.join() ?? '', /nonexistent\/python3 cannot be run/)
    assert.ok(!candidates.some(({ chosen }) => chosen))
  })

  test('names the package with the build for a device that is missing, and runs on the CPU again when that is restored', async () => {
    await world.soma.model.configure({ model: 'tiny', device: 'cuda:0' })
    const { details } = await refused(
      world.ask('tiny', { prompt: 'x' }),
      'engine/missing',
      /npm install @node-llama-cpp\/[a-z0-9-]+-cuda@\d+\.\d+\.\d+/,
    )
    assert.match(String(details['package']), /^@node-llama-cpp\/.*-cuda$/)
    await world.soma.model.configure({ model: 'tiny', device: 'abacus:0' })
    await refused(world.ask('tiny', { prompt: 'x' }), 'model/unsupported', /abacus:0: the llama engine runs on cpu, cuda:<n>/)
    await world.soma.model.configure({ model: 'tiny', device: null })
    await world.exact('tiny', 'greeting')
  })

  test('says who runs its format, or that nobody does', async () => {
    await world.offer('plan', { 'model.engine': 'ftrt' })
    await refused(
      world.soma.model.infer({ model: 'plan', inputs: [] }),
      'model/unsupported',
      /no engine here runs the format tensorrt.*the engines run .*gguf.*onnx/,
    )
    const other = world.soma.model.configure({ model: 'tiny', engine: 'onnx' })
    const { details } = await refused(other, 'model/unsupported', /engine onnx does not run the format gguf of tiny; it runs onnx/)
    assert.deepEqual(details['formats'], ['onnx'])
    const { candidates } = await world.soma.model.explain({ model: 'tiny' })
    assert.deepEqual(
      candidates.filter(({ problems }) => problems.length === 0).map(({ engine, chosen }) => [engine, chosen]),
      [['llama', true]],
    )
    for (const { engine, problems } of candidates)
      if (engine !== 'llama') assert.deepEqual(problems, ['It does not run the format gguf.'], engine)
  })

  test('that is made for an engine that is not here runs on the one that can', async () => {
    const head = [
      'apiVersion: soma/v1',
      'kind: Model',
      'metadata: {name: other}',
      'spec:',
      '  format: {type: echo, execution_file: m.echo}',
    ]
    await world.offer('other', { 'm.echo': '{}', 'manifest.yaml': [...head, '  engine: {id: tensorrt-llm}', ''].join('\n') })
    await world.soma.model.infer({ model: 'other', inputs: [] })
    const { resident } = await world.soma.model.explain({ model: 'other' })
    assert.equal(resident.engine, 'echo')
  })

  test('cannot be asked for what it is not made for', async () => {
    await refused(world.soma.model.embed({ model: 'tiny', input: ['x'] }), 'model/unsupported', /tiny cannot embed; it can generate/)
    await refused(world.soma.model.infer({ model: 'tiny', inputs: [] }), 'model/unsupported', /tiny cannot infer; it can generate/)
  })

  test('of another server names the setting that allows it', async () => {
    const endpoint = { api: 'openai', url: 'http://127.0.0.1:9/v1', model: 'far' }
    await world.offer('far', { 'endpoint.json': JSON.stringify(endpoint) })
    await refused(world.ask('far', { prompt: 'x' }), 'model/unsupported', /`soma config set engines\.remote local` allows it/)
    const { candidates } = await world.soma.model.explain({ model: 'far' })
    assert.match(candidates.find(({ engine }) => engine === 'remote')?.problems.join() ?? '', /engines\.remote local/)
  })
})

describe('a model that does not fit', () => {
  let world: EnginesWorld
  before(async () => {
    world = await EnginesWorld.start({ config: `[models]\nmemoryBytesMax = ${BUDGET_BYTES}\n` })
    await world.install('tiny', tinyGguf)
  })
  after(async () => await world?.[Symbol.asyncDispose]())

  test('is refused with numbers and a smaller context, and runs with that', async () => {
    const { details, message } = await refused(
      world.ask('tiny', { prompt: 'x' }),
      'resource/exhausted',
      /tiny needs about \d+ MiB of memory: models may use 186 MiB there; with contextLength=\d+/,
    )
    const { neededBytes, budgetBytes, smaller } = details as {
      readonly neededBytes: number
      readonly budgetBytes: number
      readonly smaller: ReadonlyArray<{ readonly settings: Record<string, number>; readonly residentBytes: number }>
    }
    assert.equal(budgetBytes, BUDGET_BYTES)
    assert.ok(neededBytes > BUDGET_BYTES, message)
    const [best] = smaller
    assert.ok(best && best.residentBytes <= BUDGET_BYTES && Number(best.settings['contextLength']) < 1024)
    const [newest] = await world.history('tiny')
    assert.equal(newest?.what, 'refused')
    assert.equal(newest?.why, message)
    await world.soma.model.configure({ model: 'tiny', settings: best.settings })
    const loaded = await world.soma.model.load({ model: 'tiny' })
    assert.equal(loaded.contextLength, best.settings['contextLength'])
    await world.exact('tiny', 'greeting')
    const { budgets } = await world.soma.model.resident()
    assert.ok(budgets.every(({ usedBytes, limitBytes }) => usedBytes <= limitBytes))
  })

  test('for a huge context is refused before anything is loaded, on the command line too', async () => {
    await world.soma.model.configure({ model: 'tiny', settings: { contextLength: 16_000_000, sequences: null } })
    const { details } = await refused(world.ask('tiny', { prompt: 'x' }), 'resource/exhausted', /contextLength=\d+/)
    assert.ok(Number(details['neededBytes']) > 8 * 1024 * MIB)
    const { code, stderr } = await run(world.home, 'run', 'tiny', 'x')
    assert.equal(code, 75)
    assert.match(stderr, /needs about \d+ MiB of memory: models may use 186 MiB there; with contextLength=\d+/)
    const { processes } = await world.soma.system.status()
    assert.ok(!processes.some(({ model }) => model === 'tiny'))
    await world.soma.model.configure({ model: 'tiny', settings: { contextLength: 512, sequences: 1 } })
    await world.exact('tiny', 'greeting')
  })

  test('for a context beyond every model is refused by the setting’s name', async () => {
    for (const contextLength of [16 * 1024 * 1024 + 1, 0, -1]) {
      await world.soma.model.configure({ model: 'tiny', settings: { contextLength } })
      await refused(world.ask('tiny', { prompt: 'x' }), 'model/load-failed', /contextLength/)
    }
  })
})
