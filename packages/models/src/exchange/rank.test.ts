import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { SearchHit } from '@soma/spec'
import fc from 'fast-check'
import { type Machine, fitOf } from './fit.ts'
import { formatOfNames } from './format-of-names.ts'
import { rankHits } from './rank.ts'

const machine: Machine = {
  engines: [
    { id: 'llama', formats: ['gguf'] },
    { id: 'onnx', formats: ['onnx'] },
  ],
  memoryBytes: 16e9,
}

function hit(title: string, more: Partial<SearchHit> = {}): SearchHit {
  return { reference: `hf/${title}`, title, formats: ['gguf'], sizeBytes: 1e9, ...more }
}

function order(query: string, ...hits: SearchHit[]): string[] {
  return rankHits(new Map([['hf', hits]]), query, machine).map((ranked) => ranked.hit.title)
}

describe('the rank of a hit', () => {
  it('is by its name first: exact, then its beginning, then all words, then the description', () => {
    const hits = [
      hit('org/other', { description: 'a small bert for everybody' }),
      hit('org/distil-small-bert'),
      hit('org/small-bert-v2'),
      hit('org/small_BERT'),
      hit('org/nothing'),
    ]
    assert.deepEqual(order('small bert', ...hits), [
      'org/small_BERT',
      'org/small-bert-v2',
      'org/distil-small-bert',
      'org/other',
      'org/nothing',
    ])
    assert.deepEqual(order('org/other', ...hits)[0], 'org/other')
  })

  it('prefers what runs here to what nobody knows, and that to what does not, unless the others are far more popular', () => {
    const [no, unknown, yes] = [hit('a/x', { formats: ['coreml'] }), hit('b/x', { formats: [] }), hit('c/x')]
    assert.deepEqual(order('x', no, unknown, yes), ['c/x', 'b/x', 'a/x'])
    assert.deepEqual(order('x', { ...unknown, downloads: 1e6 }, yes), ['b/x', 'c/x'])
    assert.deepEqual(order('x', { ...no, downloads: 1e7 }, yes), ['c/x', 'a/x'])
  })

  it('grows with the logarithm of the downloads, so that a better name beats any number of them', () => {
    assert.deepEqual(order('x', hit('a/x', { downloads: 10 }), hit('b/x', { downloads: 1000 })), ['b/x', 'a/x'])
    assert.deepEqual(order('bert', hit('a/tiny-bert', { downloads: 1e12 }), hit('b/bert')), ['b/bert', 'a/tiny-bert'])
  })

  it('takes sources in turn among equals, and each reference once', () => {
    const found = new Map([
      ['one', [hit('a/x'), hit('b/x')]],
      ['two', [hit('c/x'), hit('a/x')]],
    ])
    assert.deepEqual(
      rankHits(found, 'x', machine).map(({ hit: { title }, source }) => `${source} ${title}`),
      ['one a/x', 'two c/x', 'one b/x'],
    )
  })

  it('is one order of the same hits, whatever they say', () => {
    const anyHit = fc.record({
      reference: fc.string(),
      title: fc.string(),
      downloads: fc.double(),
      sizeBytes: fc.double(),
      description: fc.string(),
      formats: fc.array(fc.string()),
    })
    fc.assert(
      fc.property(fc.array(anyHit, { maxLength: 20 }), fc.string({ minLength: 1 }), (hits, query) => {
        const ranked = rankHits(new Map([['s', hits]]), query, machine)
        assert.equal(ranked.length, new Set(hits.map(({ reference }) => reference)).size)
        const scores = ranked.map(({ score: { text, runs, downloads } }) => text + runs + downloads)
        assert.deepEqual(
          scores,
          scores.toSorted((a, b) => b - a),
        )
      }),
    )
  })
})

describe('whether a model runs here', () => {
  it('is told by engines and memory, with the reason', () => {
    assert.deepEqual(fitOf({ formats: ['gguf'], sizeBytes: 13e9 }, machine), { runs: 'yes', reason: '' })
    assert.deepEqual(fitOf({ formats: ['gguf'], sizeBytes: 14e9 }, machine), {
      runs: 'no',
      reason: 'needs 17 GB of memory; there are 16 GB',
    })
    assert.deepEqual(fitOf({ formats: ['coreml', 'mlx'] }, machine), { runs: 'no', reason: 'no engine here loads coreml or mlx' })
    assert.deepEqual(fitOf({ formats: ['coreml', 'onnx'], sizeBytes: 1 }, machine).runs, 'yes')
    assert.deepEqual(fitOf({ formats: ['gguf'] }, machine), { runs: 'unknown', reason: 'its size is not known' })
    assert.equal(fitOf({}, machine).runs, 'unknown')
  })
})

describe('the format by names', () => {
  it('is that of an engine’s layout where one fits, else that of the most telling file', () => {
    const layout = { format: 'paddleocr-onnx', task: 'ocr', files: { detection: '**/*_det.onnx', recognition: '**/*_rec.onnx' } }
    const engines = [
      { smiVersion: 1 as const, id: 'ocr', title: '', version: '1', formats: ['paddleocr-onnx'], tasks: [], layouts: [layout] },
    ]
    assert.equal(formatOfNames(['a_det.onnx', 'x/b_rec.onnx'], engines), 'paddleocr-onnx')
    assert.equal(formatOfNames(['a_det.onnx'], engines), 'onnx')
    assert.equal(formatOfNames(['pytorch_model-00001-of-2.bin', 'config.json'], []), 'pytorch')
    assert.equal(formatOfNames(['model.safetensors', 'pytorch_model.bin'], []), 'safetensors')
    assert.equal(formatOfNames(['model.onnx', 'model.safetensors'], []), 'safetensors', 'as it is installed')
    assert.equal(formatOfNames(['README.md', 'vocab.bin'], []), null)
  })
})
