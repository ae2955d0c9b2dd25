import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { sentencesOf } from './sentences.ts'
import { SENTENCE_LENGTH_MAX } from './limits.ts'
import { windowsOf } from './windows.ts'

test('windows are without gaps, and none is longer than it may be, nor shorter than half of it but the last', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 100_000 }), fc.double({ min: 0.2, max: 3, noNaN: true }), (length, windowSeconds) => {
      const windows = [...windowsOf(new Float32Array(length), windowSeconds)]
      const longest = windowSeconds * 16_000
      let at = 0
      for (const { start, end } of windows) {
        assert.equal(start, at)
        assert.ok(end > start && end - start <= longest)
        if (end < length) assert.ok(end - start >= longest / 2 - 1)
        at = end
      }
      assert.equal(at, length)
    }),
  )
})

test('a window ends in the pause between two words', () => {
  const samples = new Float32Array(16_000 * 4).fill(0.5)
  samples.fill(0, 16_000 * 1.5, 16_000 * 1.6)
  const [first] = windowsOf(samples, 2)
  assert.ok(first!.end > 16_000 * 1.5 && first!.end < 16_000 * 1.6, String(first!.end))
})

const letters = (text: string): string => text.replaceAll(/\s/g, '')

test('sentences hold all of a text but its blanks, in order, and none is too long to be spoken', () => {
  const text = fc.array(fc.oneof(fc.lorem(), fc.string({ unit: 'grapheme', maxLength: 900 })), { maxLength: 8 })
  fc.assert(
    fc.property(text, (parts) => {
      const whole = parts.join(' ')
      const sentences = [...sentencesOf(whole)]
      assert.equal(letters(sentences.join('')), letters(whole))
      for (const sentence of sentences) {
        assert.ok(sentence.length > 0 && sentence.length <= SENTENCE_LENGTH_MAX)
        assert.ok(sentence.isWellFormed() || !whole.isWellFormed())
      }
    }),
  )
})

test('a text is cut behind its sentences', () => {
  assert.deepEqual([...sentencesOf('Good morning. It is 7.30 now!\nIs it? ')], ['Good morning.', 'It is 7.30 now!', 'Is it?'])
})
