import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isSomaError } from '@soma/core'
import type { Tensor } from '@soma/spec'
import { ctx, near, text, texts, values, withModel } from '../test-engine.ts'
import {
  answersModel,
  gapModel,
  inferenceModel,
  namesModel,
  phrasebookModel,
  polyglotModel,
  rankingModel,
  sentimentModel,
  tagsModel,
} from '../test-models.ts'

const softmaxOfTwo = 1 / (1 + Math.exp(-2))

describe('text classification', () => {
  it('gives every class of every text, likeliest first, with shares of 1', async () => {
    await withModel(sentimentModel(), async ({ infer }) => {
      const outputs = await infer(texts('text', 'a good film', 'bad', 'film'))
      assert.deepEqual(
        outputs.map(({ shape }) => shape),
        [
          [3, 2],
          [3, 2],
        ],
      )
      assert.deepEqual(values(outputs, 'label'), ['POSITIVE', 'NEGATIVE', 'NEGATIVE', 'POSITIVE', 'NEGATIVE', 'POSITIVE'])
      near(values(outputs, 'score'), [softmaxOfTwo, 1 - softmaxOfTwo, softmaxOfTwo, 1 - softmaxOfTwo, 0.5, 0.5])
    })
  })

  it('gives classes that can all be true a score each', async () => {
    await withModel(tagsModel(), async ({ infer }) => {
      const outputs = await infer(texts('text', 'red and round'))
      near(values(outputs, 'score'), [softmaxOfTwo, softmaxOfTwo])
      near(values(await infer(texts('text', 'red')), 'score'), [softmaxOfTwo, 1 / (1 + Math.exp(1))])
    })
  })

  it('takes no text at all', async () => {
    await withModel(sentimentModel(), async ({ infer }) => {
      assert.deepEqual(
        (await infer(texts('text'))).map(({ shape }) => shape),
        [
          [0, 0],
          [0, 0],
        ],
      )
    })
  })

  it('refuses a text that is too long, with both lengths, and cuts none', async () => {
    await withModel(sentimentModel(), async ({ infer }) => {
      await assert.rejects(infer(texts('text', 'film', 'film '.repeat(31))), (error) => {
        assert.ok(isSomaError(error, 'model/context-overflow'))
        assert.deepEqual(error.details, { promptTokens: 33, contextLength: 32 })
        assert.match(error.message, /text 1 has 33 tokens; the model takes 32/)
        return true
      })
    })
  })
})

describe('zero-shot classification', () => {
  const labels = texts('labels', 'politics', 'sports')

  it('ranks labels by whether the text entails them', async () => {
    await withModel(inferenceModel(), async ({ infer }) => {
      const outputs = await infer(text('text', 'goal'), labels)
      assert.deepEqual(values(outputs, 'label'), ['sports', 'politics'])
      near(values(outputs, 'score'), [softmaxOfTwo, 1 - softmaxOfTwo])
    })
  })

  it('scores each label for itself when several may be true, and takes another sentence', async () => {
    await withModel(inferenceModel(), async ({ infer }) => {
      const multi = { name: 'multi', dtype: 'bool' as const, shape: [1], data: Uint8Array.of(1) }
      const outputs = await infer(text('text', 'goal vote'), labels, multi, text('template', '{}'))
      near(values(outputs, 'score'), [1 / (1 + Math.exp(-2)), 1 / (1 + Math.exp(-2))])
    })
  })

  it('refuses no labels, and sentences without a place for them', async () => {
    await withModel(inferenceModel(), async ({ infer }) => {
      const named = (input: string) => (error: unknown) => isSomaError(error, 'model/input-mismatch') && error.details['input'] === input
      await assert.rejects(infer(text('text', 'goal'), texts('labels')), named('labels'))
      await assert.rejects(infer(text('text', 'goal'), labels, text('template', 'no place')), named('template'))
    })
  })

  it('needs a model that knows entailment', async () => {
    await assert.rejects(
      withModel({ ...sentimentModel(), task: 'zero-shot-classification' }, async () => undefined),
      (error) => isSomaError(error, 'model/unsupported') && /entailment/.test(error.message),
    )
  })
})

describe('token classification', () => {
  it('finds names with their places, in characters of the text as it was written', async () => {
    await withModel(namesModel(), async ({ infer }) => {
      const outputs = await infer(text('text', '🙂 Ada  Lovelace lived in LONDON.'))
      assert.deepEqual(values(outputs, 'entity'), ['PER', 'LOC'])
      assert.deepEqual(values(outputs, 'word'), ['Ada  Lovelace', 'LONDON'])
      assert.deepEqual(
        [values(outputs, 'start'), values(outputs, 'end')],
        [
          [2, 25],
          [15, 31],
        ],
      )
      near(values(outputs, 'score'), Array(2).fill(Math.exp(4) / (Math.exp(4) + 4)))
    })
  })

  it('tells two neighbours apart where a new one begins, and finds none in a text without', async () => {
    await withModel(namesModel(), async ({ infer }) => {
      assert.deepEqual(values(await infer(text('text', 'Ada Ada London Zürich')), 'word'), ['Ada', 'Ada', 'London', 'Zürich'])
      assert.deepEqual(
        (await infer(text('text', 'lived in'))).map(({ shape }) => shape),
        [[0], [0], [0], [0], [0]],
      )
    })
  })
})

describe('question answering', () => {
  it('gives the stretch of the context that answers, and where it is', async () => {
    await withModel(answersModel(), async ({ infer }) => {
      const outputs = await infer(text('question', 'Where is she? France?'), text('context', 'She is in Paris,  France.'))
      assert.deepEqual(
        ['answer', 'start', 'end'].map((name) => values(outputs, name)),
        [['Paris,  France'], [10], [24]],
      )
      near(values(outputs, 'score'), [1])
    })
  })
})

describe('filling a gap', () => {
  it('suggests words, likeliest first, and the text with each', async () => {
    await withModel(gapModel(), async ({ infer }) => {
      const outputs = await infer(text('text', 'The capital of France is [MASK]'))
      assert.deepEqual(values(outputs, 'token').slice(0, 2), ['paris', 'rome'])
      assert.equal(values(outputs, 'text')[0], 'the capital of france is paris')
      const sum = Math.exp(3) + Math.exp(2) + 10
      near(values(outputs, 'score').slice(0, 2), [Math.exp(3) / sum, Math.exp(2) / sum])
    })
  })

  it('wants exactly one gap', async () => {
    await withModel(gapModel(), async ({ infer }) => {
      for (const gaps of ['none', '[MASK] and [MASK]'])
        await assert.rejects(
          infer(text('text', gaps)),
          (error) => isSomaError(error, 'model/input-mismatch') && error.details['input'] === 'text',
        )
    })
  })
})

describe('rewriting', () => {
  it('translates texts, each for itself', async () => {
    await withModel(phrasebookModel(), async ({ infer }) => {
      assert.deepEqual(values(await infer(texts('text', 'hello', 'bye', 'Hello')), 'text'), [
        'bonjour le monde',
        'adieu',
        'bonjour le monde',
      ])
    })
  })

  it('puts the words in front that tell a model of several tasks what to do', async () => {
    const config = { task_specific_params: { summarization: { prefix: 'hello ' } } }
    await withModel(phrasebookModel('summarization', config), async ({ infer }) => {
      assert.deepEqual(values(await infer(texts('text', 'le')), 'text'), ['bonjour le monde'])
    })
  })

  it('translates between the languages that are asked for, and names those that a model does not know', async () => {
    await withModel(polyglotModel(), async ({ infer }) => {
      const into = async (target: string, ...more: Tensor[]) =>
        values(await infer(texts('text', 'hello'), text('target_language', target), ...more), 'text')
      assert.deepEqual(await into('fra_Latn'), ['bonjour'])
      assert.deepEqual(await into('deu_Latn'), ['hallo'])
      assert.deepEqual(await into('deu_Latn', text('source_language', 'spa_Latn')), [''])
      assert.deepEqual(await into('deu_Latn'), ['hallo'])
      await assert.rejects(
        into('tlh_Latn'),
        (error) =>
          isSomaError(error, 'model/input-mismatch') &&
          error.details['input'] === 'target_language' &&
          /eng_Latn, spa_Latn/.test(error.message),
      )
    })
  })

  it('refuses a language where the model knows only two', async () => {
    await withModel(phrasebookModel(), async ({ infer }) => {
      await assert.rejects(
        infer(texts('text', 'hello'), text('target_language', 'fr')),
        (error) => isSomaError(error, 'model/unsupported') && error.details['option'] === 'target_language',
      )
    })
  })
})

describe('ranking', () => {
  const usage = (promptTokens: number) => ({ promptTokens, cachedTokens: 0, generatedTokens: 0 })

  it('scores each document for the query, in their order', async () => {
    await withModel(rankingModel(), async ({ model }) => {
      const { scores, usage: used } = await model.rerank!({ query: 'goal', documents: ['politics', 'the sports', 'sports sports'] }, ctx)
      near(scores, [0.5, softmaxOfTwo, 1 / (1 + Math.exp(-4))])
      assert.deepEqual(used, usage(5 + 6 + 6))
      assert.equal(model.contextLength, 16)
    })
  })

  it('cuts a long document, and says which, or refuses it', async () => {
    await withModel(rankingModel(), async ({ model }) => {
      const request = { query: 'goal', documents: ['sports', `${'the '.repeat(20)}sports`, 'sports '.repeat(20)] }
      await assert.rejects(
        async () => model.rerank!(request, ctx),
        (error) => isSomaError(error, 'model/context-overflow'),
      )
      const { scores, truncated, usage: used } = await model.rerank!({ ...request, overflow: 'truncate' }, ctx)
      near(scores, [softmaxOfTwo, 0.5, 1 / (1 + Math.exp(-24))])
      assert.deepEqual([truncated, used], [[1, 2], usage(5 + 16 + 16)])
    })
  })

  it('is what a classifier with one class can be asked, too, and one with several cannot', async () => {
    await withModel({ ...rankingModel(), task: 'text-classification' }, async ({ model, infer }) => {
      assert.equal((await model.rerank!({ query: 'goal', documents: ['sports'] }, ctx)).scores.length, 1)
      near(values(await infer(texts('text', 'goal')), 'score'), [0.5])
    })
    await assert.rejects(
      withModel({ ...sentimentModel(), task: 'text-ranking' }, async () => undefined),
      (error) => isSomaError(error, 'model/unsupported') && error.details['classes'] === 2,
    )
  })
})
