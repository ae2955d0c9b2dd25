import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { TOKENIZE_PIECE_LENGTH } from '../limits.ts'
import { piecewise } from './piecewise.ts'

const vocabulary = { tokens: ['<|im_start|>', '<|im_end|>', '🦜', 'word', ''], token_type: [3, 3, 4, 1, 3] }
const whole = /<\|im_(?:start|end)\|>|🦜/g

/** Cuts out whole tokens as llama.cpp does, with the blanks before them, and tells what is left between. */
function tokenize(text: string): number[] {
  const parts = text.replace(/\s+(?=🦜)/g, '').split(whole)
  return parts.flatMap((part, index) => {
    const codes = Array.from(part, (character) => character.codePointAt(0) ?? 0)
    return index > 0 ? [-1, ...codes] : codes
  })
}

test('pieces have the tokens of the whole, and none is much longer than need be', () => {
  const word = fc.constantFrom('<|im_start|>', '<|im_end|>', '🦜', 'word', ' ', '\n', '<|im', '<', '日本', 'x'.repeat(400))
  fc.assert(
    fc.property(fc.array(word, { maxLength: 400 }), (words) => {
      const text = words.join('')
      const lengths: number[] = []
      const cut = piecewise((part) => (lengths.push(part.length), tokenize(part)), vocabulary)
      assert.deepEqual(cut(text, true), tokenize(text))
      assert.equal(
        lengths.reduce((sum, length) => sum + length, 0),
        text.length,
      )
    }),
    { numRuns: 300 },
  )
  const lengths: number[] = []
  piecewise((part) => (lengths.push(part.length), []), vocabulary)('<|im_start|>x'.repeat(10_000))
  assert.ok(lengths.length > 100 && Math.max(...lengths) < TOKENIZE_PIECE_LENGTH + 20)
})
