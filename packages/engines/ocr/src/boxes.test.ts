import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type TextMap, findBoxes } from './boxes.ts'
import { type Box, rotate } from './geometry.ts'

function mapOf(width: number, height: number, ...bars: Array<Box & { readonly probability?: number }>): TextMap {
  const data = new Float32Array(width * height)
  for (const bar of bars)
    for (let at = 0; at < data.length; at++) {
      const { x, y } = rotate({ x: (at % width) + 0.5 - bar.x, y: Math.floor(at / width) + 0.5 - bar.y }, -bar.angle)
      if (Math.abs(x) <= bar.width / 2 && Math.abs(y) <= bar.height / 2) data[at] = bar.probability ?? 0.95
    }
  return { data, width, height }
}

const bar = { x: 100, y: 50, width: 120, height: 10, angle: 0 }

test('a line’s core is found and grown to the line', () => {
  const [found, ...others] = findBoxes(mapOf(200, 100, bar))
  assert.equal(others.length, 0)
  const growth = (2 * (120 * 10 * 1.5)) / (2 * (120 + 10))
  assert.deepEqual(found, { x: 100, y: 50, width: 120 + growth, height: 10 + growth, angle: 0 })
})

test('a slanted line gets a slanted box', () => {
  const [found] = findBoxes(mapOf(200, 100, { ...bar, angle: 0.2 }))
  assert.ok(Math.abs((found?.angle ?? 0) - 0.2) < 0.02)
  assert.ok(Math.abs((found?.x ?? 0) - 100) < 1 && Math.abs((found?.y ?? 0) - 50) < 1)
})

test('lines that do not touch are apart; specks and faint regions are nothing', () => {
  const below = { ...bar, y: 75 }
  const speck = { ...bar, x: 20, y: 20, width: 2, height: 2 }
  const faint = { ...bar, y: 20, probability: 0.5 }
  assert.equal(findBoxes(mapOf(200, 100, bar, below, speck, faint)).length, 2)
})

test('a region that fills the map, and one at its edge, end there', () => {
  const [whole] = findBoxes({ data: new Float32Array(64 * 32).fill(1), width: 64, height: 32 })
  assert.deepEqual([whole?.x, whole?.y], [32, 16])
  assert.equal(findBoxes({ data: new Float32Array(64 * 32), width: 64, height: 32 }).length, 0)
})
