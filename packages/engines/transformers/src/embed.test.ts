import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isSomaError } from '@soma/core'
import { ctx, near, withModel } from './test-engine.ts'
import { compassModel } from './test-models.ts'

const modules = (...kinds: string[]) =>
  JSON.stringify(
    kinds.map((kind, idx) => ({
      idx,
      name: String(idx),
      path: kind === 'Transformer' ? '' : `${idx}_${kind}`,
      type: `sentence_transformers.models.${kind}`,
    })),
  )

const pooling = (mode: string) => ({
  'modules.json': modules('Transformer', 'Pooling', 'Normalize'),
  '1_Pooling/config.json': JSON.stringify({ word_embedding_dimension: 3, [mode]: true }),
})

describe('vectors of texts', () => {
  it('are the mean of their tokens, of length 1 unless that is not wanted', async () => {
    await withModel(compassModel(), async ({ embed }) => {
      // [CLS] north east [SEP]: (4, 3, 0) / 4, and the length of (4, 3) is 5.
      assert.deepEqual((await embed({ input: ['north east'], normalize: false })).flat(), [1, 0.75, 0])
      near((await embed({ input: ['north east', 'Up'] })).flat(), [0.8, 0.6, 0, 0, 0, 1])
    })
  })

  it('are the same in any company, whatever their lengths', async () => {
    const input = ['up', 'north east', 'east east east north', '', ...Array.from({ length: 9 }, (_, count) => 'up '.repeat(count % 5))]
    const model = compassModel(pooling('pooling_mode_mean_sqrt_len_tokens'))
    const quantised = {
      ...model,
      files: { ...model.files, 'onnx/model_int8.onnx': model.files['onnx/model.onnx'] ?? '' },
      settings: { dtype: 'int8' },
    }
    for (const fixture of [model, quantised])
      await withModel(fixture, async ({ embed }) => {
        const together = await embed({ input, normalize: false })
        for (const [index, text] of input.entries()) near(together[index] ?? [], (await embed({ input: [text], normalize: false })).flat())
      })
  })

  for (const [mode, expected] of Object.entries({
    pooling_mode_mean_tokens: [1, 0.75, 0],
    pooling_mode_cls_token: [0, 0, 0],
    pooling_mode_max_tokens: [4, 3, 0],
    pooling_mode_mean_sqrt_len_tokens: [2, 1.5, 0],
    pooling_mode_weightedmean_tokens: [0.8, 0.9, 0],
    pooling_mode_lasttoken: [0, 0, 0],
  }))
    it(`are pooled as the package says: ${mode}`, async () => {
      await withModel(compassModel(pooling(mode)), async ({ embed }) => {
        near((await embed({ input: ['north east'], normalize: false })).flat(), expected)
      })
    })

  it('are refused of a package that wants more behind its model', async () => {
    for (const files of [
      { 'modules.json': modules('Transformer', 'Pooling', 'Dense') },
      { ...pooling('pooling_mode_cls_token'), '1_Pooling/config.json': '{"pooling_mode_cls_token":true,"pooling_mode_max_tokens":true}' },
    ])
      await assert.rejects(
        withModel(compassModel(files), async () => undefined),
        (error) => isSomaError(error, 'model/unsupported') && error.details['option'] === 'modules',
      )
  })

  it('have fewer dimensions when asked, of length 1 again, and never more', async () => {
    await withModel(compassModel(), async ({ embed }) => {
      near((await embed({ input: ['north up'], dimensions: 1 })).flat(), [1])
      await assert.rejects(
        embed({ input: ['north'], dimensions: 4 }),
        (error) => isSomaError(error, 'model/unsupported') && error.details['dimensionsMax'] === 3,
      )
    })
  })

  it('are refused of a text that is too long, or of its beginning, as asked, telling which', async () => {
    await withModel(compassModel(), async ({ model, embed }) => {
      const input = ['up', `${'north '.repeat(6)}east east`, 'east '.repeat(7)]
      await assert.rejects(embed({ input }), (error) => {
        assert.ok(isSomaError(error, 'model/context-overflow'))
        assert.deepEqual(error.details, { promptTokens: 10, contextLength: 8 })
        return true
      })
      const { truncated, usage } = await model.embed!({ input, normalize: true, overflow: 'truncate' }, ctx)
      assert.deepEqual([truncated, usage.promptTokens], [[1, 2], 3 + 8 + 8])
      // The end mark stays: six times north is left between the marks.
      near((await embed({ input, overflow: 'truncate' })).slice(1).flat(), [1, 0, 0, 0, 1, 0])
      assert.equal(model.contextLength, 8)
    })
  })

  it('end when cancelled, between two texts', async () => {
    await withModel(compassModel(), async ({ model }) => {
      const cancel = new AbortController()
      const work = model.embed!({ input: Array(2000).fill('north'), normalize: true }, { ...ctx, signal: cancel.signal })
      setImmediate(() => cancel.abort())
      await assert.rejects(work, (error) => isSomaError(error, 'call/cancelled'))
      const waits = model.embed!({ input: ['up'], normalize: true }, ctx)
      await assert.rejects(model.embed!({ input: ['up'], normalize: true }, { ...ctx, signal: AbortSignal.abort() }), (error) =>
        isSomaError(error, 'call/cancelled'),
      )
      assert.equal((await waits).usage.promptTokens, 3)
    })
  })
})
