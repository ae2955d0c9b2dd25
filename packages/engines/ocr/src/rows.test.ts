import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Box, rotate } from './geometry.ts'
import { type Piece, readingOrder } from './rows.ts'

const piece = (text: string, box: Partial<Box>): Piece => ({
  text,
  confidence: 1,
  box: { x: 0, y: 0, width: 100, height: 20, angle: 0, ...box },
})
const texts = (pieces: readonly Piece[]): string[] => readingOrder(pieces).map(({ text }) => text)

/** Three rows of a receipt: a name, a price, and a word close to the name. */
const table = [0, 1, 2].flatMap((row) => [
  piece(`name${row}`, { x: 60, y: row * 25, width: 100 }),
  piece(`more${row}`, { x: 150, y: row * 25 + 2, width: 70 }),
  piece(`price${row}`, { x: 460, y: row * 25 - 3, width: 60 }),
])
const rows = [0, 1, 2].map((row) => `name${row} more${row}\tprice${row}`)

test('rows are read from the top, each from the left, whatever the order and the slant', () => {
  fc.assert(
    fc.property(
      fc.shuffledSubarray(table, { minLength: table.length }),
      fc.double({ min: -0.3, max: 0.3, noNaN: true }),
      (pieces, angle) => {
        const slanted = pieces.map((piece) => ({ ...piece, box: { ...piece.box, ...rotate(piece.box, angle), angle } }))
        assert.deepEqual(texts(slanted), rows)
      },
    ),
  )
})

test('a row that sags in the middle stays one row', () => {
  const sagging = Array.from({ length: 9 }, (_, at) => piece(String(at), { x: at * 105, y: 20 - 1.2 * (at - 4) ** 2, width: 100 }))
  assert.equal(texts(sagging).length, 1)
})

test('a joined row has the box around its pieces and the mean confidence of its characters', () => {
  const [row] = readingOrder([piece('aaa', { x: 50 }), { ...piece('b', { x: 250 }), confidence: 0.6 }])
  assert.ok(row !== undefined)
  assert.ok(Math.abs(row.confidence - 0.9) < 1e-12)
  assert.deepEqual(row.box, { x: 150, y: 0, width: 300, height: 20, angle: 0 })
})

test('large print and the small line under it are two rows', () => {
  assert.deepEqual(texts([piece('small', { y: 45, height: 16 }), piece('LARGE', { y: 0, height: 60 })]), ['LARGE', 'small'])
})

test('no pieces are no rows', () => {
  assert.deepEqual(readingOrder([]), [])
})
