import assert from 'node:assert/strict'
import { test } from 'node:test'
import { STRIP_HEIGHT, cropStrip } from './crop.ts'
import type { Pixels } from './image.ts'
import { STRIP_WIDTH_MAX } from './limits.ts'

/** Red grows to the right, green downwards; blue is constant. */
function gradient(width: number, height: number): Pixels {
  const data = new Uint8Array(width * height * 3)
  for (let at = 0; at < width * height; at++) data.set([at % width, Math.floor(at / width), 255], at * 3)
  return { data, width, height }
}

const page = gradient(200, 160)
const shade = (value: number): number => value / 127.5 - 1
const planes = ({ data, width }: { data: Float32Array; width: number }, x: number, y: number): number[] =>
  [0, 1, 2].map((plane) => data[plane * STRIP_HEIGHT * width + y * width + x] ?? NaN)
const close = (actual: readonly number[], expected: readonly number[]): void =>
  actual.forEach((value, index) => assert.ok(Math.abs(value - (expected[index] ?? NaN)) < 1e-5, `${actual.join()} ${expected.join()}`))

test('a level box as high as the strip is copied pixel by pixel: blue, green, red from -1 to 1', () => {
  const strip = cropStrip(page, { x: 70, y: 54, width: 100, height: STRIP_HEIGHT, angle: 0 })
  assert.equal(strip.width, 100)
  close(planes(strip, 0, 0), [1, shade(30), shade(20)])
  close(planes(strip, 99, 47), [1, shade(77), shade(119)])
})

test('a turned box is read along its own direction', () => {
  const strip = cropStrip(page, { x: 54, y: 70, width: 100, height: STRIP_HEIGHT, angle: Math.PI / 2 })
  close(planes(strip, 0, 0), [1, shade(20), shade(77)])
  close(planes(strip, 99, 47), [1, shade(119), shade(30)])
})

test('shrinking averages what it covers', () => {
  const stripes = { ...page, data: page.data.map((_, at) => (Math.floor(at / 3) % 2 === 0 ? 0 : 255)) }
  const strip = cropStrip(stripes, { x: 96, y: 72, width: 192, height: STRIP_HEIGHT * 2, angle: 0 })
  close(planes(strip, 40, 20), [0, 0, 0])
})

test('outside the picture its edge goes on; long lines are squeezed', () => {
  const strip = cropStrip(page, { x: 0, y: 0, width: 96, height: STRIP_HEIGHT, angle: 0 })
  close(planes(strip, 0, 0), [1, -1, -1])
  assert.equal(cropStrip(page, { x: 100, y: 80, width: 200, height: 1, angle: 0 }).width, STRIP_WIDTH_MAX)
})
