import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeGreedily } from './recognize.ts'

const alphabet = ['', 'a', 'b', '（', '漢', ' ']

/** Probabilities of one step: each named character's, and the blank's what is left. */
function decode(...steps: ReadonlyArray<Readonly<Record<string, number>>>): ReturnType<typeof decodeGreedily> {
  const rows = steps.map((step) => {
    const rest = 1 - Object.values(step).reduce((sum, value) => sum + value, 0)
    return alphabet.map((character) => (character === '' ? rest : (step[character] ?? 0)))
  })
  return decodeGreedily(Float32Array.from(rows.flat()), alphabet)
}

test('repeats fall together unless a blank parts them', () => {
  assert.equal(decode({ a: 1 }, { a: 1 }, {}, { a: 1 }, { b: 1 }).text, 'aab')
})

test('nothing read has no confidence, and characters’ mean is the line’s', () => {
  assert.deepEqual(decode({}, {}), { text: '', confidence: 0 })
  assert.equal(decode({ a: 1 }, {}, { b: 0.75 }).confidence, 0.875)
})

test('a space that the blank outvotes still parts words, once, and costs no confidence', () => {
  assert.deepEqual(decode({ a: 1 }, { ' ': 0.1 }, {}, { ' ': 0.6 }, { b: 1 }), { text: 'a b', confidence: 1 })
  assert.equal(decode({ a: 1 }, { ' ': 0.01 }, { b: 1 }).text, 'ab')
})

test('spaces at the ends go', () => {
  assert.equal(decode({ ' ': 0.9 }, { a: 1 }, { ' ': 0.9 }).text, 'a')
})

test('full-width punctuation becomes ASCII in a Latin line and stays in a Chinese one', () => {
  assert.equal(decode({ a: 1 }, { '（': 1 }).text, 'a(')
  assert.equal(decode({ 漢: 1 }, { '（': 1 }).text, '漢（')
})

test('an alphabet without a space has no hidden ones', () => {
  assert.equal(decodeGreedily(Float32Array.from([0, 1, 0.9, 0.1, 0, 1]), ['', 'a']).text, 'aa')
})
