import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type ErrorCode, isSomaError } from '@soma/core'
import { type ModelFixture, layOut } from '@soma/testkit/engine'
import { writeOnnxModel } from '@soma/testkit/onnx'
import { createEngine } from './engine.ts'
import { refuseFetch } from './library.ts'
import { ctx, engine, texts, values, withModel } from './test-engine.ts'
import { compassModel, phrasebookModel, sentimentModel } from './test-models.ts'
import { coloursModel } from './test-picture-models.ts'

const host = { platform: 'linux', arch: 'x64', cpus: 1, memoryBytes: 1, memoryAvailableBytes: 1 }

async function refused(fixture: ModelFixture, code: ErrorCode, message: RegExp): Promise<void> {
  await assert.rejects(
    withModel(fixture, async () => undefined),
    (error) => {
      assert.ok(isSomaError(error, code), String(error))
      assert.match(error.message, message)
      return true
    },
  )
}

/** The same fixture with other files. */
function withFiles(model: ModelFixture, files: ModelFixture['files'], roles = model.roles): ModelFixture {
  return { ...model, files: { ...model.files, ...files }, roles }
}

function without(model: ModelFixture, ...paths: readonly string[]): ModelFixture {
  return { ...model, files: Object.fromEntries(Object.entries(model.files).filter(([path]) => !paths.includes(path))) }
}

const whole = sentimentModel()
const weights = whole.files['onnx/model.onnx'] ?? ''

describe('loading a package', () => {
  it('finds configuration and tokenizer beside the model as well as above it', async () => {
    const flat = Object.fromEntries(Object.entries(whole.files).map(([path, content]) => [path.replace('onnx/', ''), content]))
    const deep = Object.fromEntries(Object.entries(whole.files).map(([path, content]) => [`a/b/${path}`, content]))
    for (const [files, model] of [
      [flat, 'model.onnx'],
      [deep, 'a/b/onnx/model.onnx'],
    ] as const)
      await withModel({ ...whole, files, roles: { model } }, async ({ infer }) => {
        assert.equal(values(await infer(texts('text', 'good')), 'label')[0], 'POSITIVE')
      })
  })

  it('takes the precision that is asked for, and says which file is not there', async () => {
    const other = withFiles(whole, { 'onnx/model_quantized.onnx': weights })
    await withModel({ ...other, settings: { dtype: 'q8' } }, async ({ infer }) =>
      assert.equal((await infer(texts('text', 'good'))).length, 2),
    )
    await refused({ ...other, settings: { dtype: 'q4' } }, 'model/unsupported', /does not hold onnx\/model_q4\.onnx/)
    const only = without(withFiles(whole, { 'onnx/model_int8.onnx': weights }, { model: 'onnx/model_int8.onnx' }), 'onnx/model.onnx')
    await withModel(only, async ({ infer }) => assert.equal((await infer(texts('text', 'good'))).length, 2))
    const named = without(withFiles(whole, { 'mine.onnx': weights }, { model: 'mine.onnx' }), 'onnx/model.onnx')
    await withModel(named, async ({ infer }) => assert.equal((await infer(texts('text', 'good'))).length, 2))
  })

  it('finds weights in a file of their own, and takes half precision', async () => {
    const rows = Float16Array.from({ length: 8 * 3 }, (_, index) => (index === 5 * 3 ? 2 : index === 6 * 3 + 1 ? 1.5 : 0))
    const data = new Uint8Array(rows.buffer)
    const weights = { name: 'w', dtype: 'float16' as const, shape: [8, 3], data, external: 'model.onnx_data' }
    const model = writeOnnxModel({
      inputs: [{ name: 'input_ids', dtype: 'int64', shape: ['b', 'n'] }],
      outputs: [{ name: 'last_hidden_state', dtype: 'float16', shape: ['b', 'n', 3] }],
      nodes: [{ op: 'Gather', inputs: ['w', 'input_ids'], outputs: ['last_hidden_state'] }],
      initializers: [weights],
    })
    await withModel(withFiles(compassModel(), { 'onnx/model.onnx': model, 'onnx/model.onnx_data': data }), async ({ embed }) => {
      assert.deepEqual((await embed({ input: ['north east'], normalize: false })).flat(), [0.5, 0.375, 0])
    })
  })

  it('uses the model for the task that is asked for', async () => {
    await withModel({ ...compassModel(), task: 'unknown', settings: { task: 'sentence-similarity' } }, async ({ embed }) => {
      assert.equal((await embed({ input: ['up'] })).length, 1)
    })
    await refused({ ...whole, task: 'unknown' }, 'model/unsupported', /task unknown; set .* text-classification/)
    await refused({ ...whole, settings: { task: 'cooking' } }, 'config/invalid', /^what engine transformers is told does not fit: task: /)
    await refused({ ...whole, settings: { quantise: true } }, 'config/invalid', /quantise/)
  })

  it('names the file that is missing or broken', async () => {
    await refused(without(whole, 'tokenizer.json'), 'model/load-failed', /no tokenizer\.json/)
    await refused(without(coloursModel(), 'preprocessor_config.json'), 'model/load-failed', /preprocessor_config\.json/)
    await refused(withFiles(whole, { 'config.json': '{' }), 'model/load-failed', /config\.json: it cannot be read as JSON/)
    await refused(withFiles(whole, { 'tokenizer.json': '{"model":1}' }), 'model/load-failed', /tokenizer\.json/)
    await refused(
      withFiles(coloursModel(), { 'preprocessor_config.json': '{"image_processor_type":"constructor"}' }),
      'model/load-failed',
      /names no preprocessor/,
    )
    await refused({ ...phrasebookModel(), roles: { encoder: 'onnx/encoder_model.onnx' } }, 'model/load-failed', /role "model"/)
    await refused({ ...whole, roles: { model: 'tokenizer.json' } }, 'model/load-failed', /no ONNX file/)
  })

  it('loads models of one part whatever their kind, and refuses kinds it does not know of others', async () => {
    const strange = { 'config.json': JSON.stringify({ model_type: 'made-up', id2label: { 0: 'a', 1: 'b' } }) }
    await refused(withFiles(whole, strange), 'model/unsupported', /made-up/)
    await withModel(withFiles(compassModel(), strange), async ({ embed }) => assert.equal((await embed({ input: ['up'] })).length, 1))
    await withModel(without(compassModel(), 'config.json'), async ({ embed }) => assert.equal((await embed({ input: ['up'] })).length, 1))
  })

  it('reads nothing but the files that the package lists', async () => {
    await using folder = await layOut(whole)
    const files = folder.pkg.files.filter(({ path }) => path !== 'config.json')
    const load = engine.load({ ...folder.pkg, files }, { threads: 1, settings: {} }, ctx)
    await assert.rejects(load, (error) => isSomaError(error, 'model/unsupported'))
  })

  it('refuses devices that it does not have', async () => {
    await using folder = await layOut(whole)
    const load = engine.load(folder.pkg, { threads: 1, device: 'cuda:0', settings: {} }, ctx)
    await assert.rejects(load, (error) => isSomaError(error, 'model/unsupported') && /cuda:0/.test(error.message))
  })

  it('is given up when cancelled', async () => {
    await using folder = await layOut(whole)
    const load = engine.load(folder.pkg, { threads: 1, settings: {} }, { ...ctx, signal: AbortSignal.abort() })
    await assert.rejects(load, (error) => isSomaError(error, 'call/cancelled'))
  })
})

describe('the estimate', () => {
  const estimated = async (fixture: ModelFixture): Promise<number> => {
    await using folder = await layOut(fixture)
    return (await engine.estimate(folder.pkg, { threads: 1, settings: { ...fixture.settings } })).residentBytes
  }

  it('counts the files that will be loaded, their weights outside, and how they are packed', async () => {
    const sized = (size: number) => new Uint8Array(size)
    const base = { ...whole, files: { 'onnx/model.onnx': sized(0), 'config.json': '{}' } }
    const none = await estimated(base)
    const megabyte = 1_000_000
    const more = async (files: ModelFixture['files'], settings = {}): Promise<number> =>
      (await estimated({ ...withFiles(base, files), settings })) - none
    assert.equal(await more({ 'onnx/model.onnx': sized(megabyte) }), 1.4 * megabyte)
    assert.equal(await more({ 'onnx/model.onnx_data': sized(megabyte) }), 1.4 * megabyte)
    assert.equal(await more({ 'onnx/model_q4.onnx': sized(megabyte) }), 0)
    assert.equal(await more({ 'onnx/model_q4.onnx': sized(megabyte) }, { dtype: 'q4' }), 8 * megabyte)
    assert.equal(await more({ 'onnx/model_fp16.onnx': sized(megabyte) }, { dtype: 'fp16' }), 4 * megabyte)
  })
})

describe('the library', () => {
  it('asks no network, whatever a configuration names', async () => {
    await engine.probe(host)
    const { env } = await import('@huggingface/transformers')
    assert.deepEqual(
      [env.allowRemoteModels, env.useFSCache, env.useBrowserCache, env.useWasmCache, env.cacheDir],
      [false, false, false, false, null],
    )
    assert.equal(env.fetch, refuseFetch)
    await assert.rejects(
      refuseFetch('https://huggingface.co/x'),
      (error) => isSomaError(error, 'model/load-failed') && error.message.includes('huggingface.co'),
    )
  })

  it('that cannot be loaded is an engine that is missing something, and says what to install', async () => {
    const broken = createEngine({
      importLibrary: () => Promise.reject(new Error("Cannot find module 'x.node'")),
      randomSeed: () => 0,
      residentBytes: () => 0,
    })
    const support = await broken.probe(host)
    assert.deepEqual([support.supported, support.devices], [false, []])
    assert.match(support.reason, /npm install.*x\.node/)
    await using folder = await layOut(whole)
    await assert.rejects(broken.load(folder.pkg, { threads: 1, settings: {} }, ctx), (error) => isSomaError(error, 'engine/missing'))
  })
})
