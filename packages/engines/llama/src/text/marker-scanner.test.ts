import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MarkerScanner } from './marker-scanner.ts'

/** Text before the first marker, and that marker, when the text comes in pieces. */
function scan(markers: readonly string[], pieces: readonly string[]): { text: string; marker: string | undefined } {
  const scanner = new MarkerScanner(markers)
  let text = ''
  for (const piece of pieces) {
    const scanned = scanner.push(piece)
    text += scanned.text
    if (scanned.marker !== undefined) return { text, marker: scanned.marker }
  }
  return { text: text + scanner.rest(), marker: undefined }
}

const letters = fc.string({ unit: fc.constantFrom('a', 'b', '<'), maxLength: 12 })

test('the first marker is found wherever the text is cut into pieces', () => {
  const markers = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', '<'), minLength: 1, maxLength: 4 }), { maxLength: 3 })
  fc.assert(
    fc.property(markers, fc.array(letters, { maxLength: 6 }), (markers, pieces) => {
      const text = pieces.join('')
      const at = Math.min(...markers.map((marker) => (text.includes(marker) ? text.indexOf(marker) : Number.POSITIVE_INFINITY)))
      const found = scan(markers, pieces)
      if (at === Number.POSITIVE_INFINITY) assert.deepEqual(found, { text, marker: undefined })
      else assert.equal(found.text, text.slice(0, at))
    }),
  )
})

test('what cannot be the beginning of a marker is not held back', () => {
  const scanner = new MarkerScanner(['</end>'])
  assert.deepEqual(scanner.push('hello <'), { text: 'hello ' })
  assert.deepEqual(scanner.push('b>'), { text: '<b>' })
})

test('what comes after a marker is given back', () => {
  const scanner = new MarkerScanner(['|'])
  assert.deepEqual(scanner.push('a|b|c'), { text: 'a', marker: '|' })
  assert.equal(scanner.rest(), 'b|c')
})
