import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Box, corners, enclosingBox, rotate, smallestBox, turn } from './geometry.ts'

const coordinate = fc.integer({ min: -1000, max: 1000 })
const points = fc.array(fc.record({ x: coordinate, y: coordinate }), { minLength: 3, maxLength: 60 })
const box: fc.Arbitrary<Box> = fc.record({
  x: coordinate,
  y: coordinate,
  width: fc.integer({ min: 4, max: 500 }),
  height: fc.integer({ min: 4, max: 500 }),
  angle: fc.double({ min: -0.78, max: 0.78, noNaN: true }),
})

test('the smallest box holds every point and is no larger than the upright one', () => {
  fc.assert(
    fc.property(points, (points) => {
      const smallest = smallestBox(points)
      for (const point of points) {
        const { x, y } = rotate({ x: point.x - smallest.x, y: point.y - smallest.y }, -smallest.angle)
        assert.ok(Math.abs(x) <= smallest.width / 2 + 1e-6 && Math.abs(y) <= smallest.height / 2 + 1e-6)
      }
      const upright = enclosingBox(points, 0)
      assert.ok(smallest.width * smallest.height <= upright.width * upright.height + 1e-3)
      assert.ok(Math.abs(smallest.angle) <= Math.PI / 4 + 1e-9)
    }),
  )
})

test('the smallest box around a box’s corners is that box', () => {
  fc.assert(
    fc.property(box, (box) => {
      const found = smallestBox(corners(box))
      const close = (a: number, b: number): void => assert.ok(Math.abs(a - b) < 1e-3, `${a} ${b}`)
      close(found.x, box.x)
      close(found.y, box.y)
      close(found.width * found.height, box.width * box.height)
      close(Math.max(found.width, found.height), Math.max(box.width, box.height))
    }),
  )
})

test('a quarter turn keeps the corners and starts at the next one', () => {
  fc.assert(
    fc.property(box, (box) => {
      const [first, second, third, fourth] = corners(box)
      const turned = corners(turn(box, 1))
      for (const [index, corner] of [second, third, fourth, first].entries())
        assert.ok(Math.hypot(corner.x - turned[index]!.x, corner.y - turned[index]!.y) < 1e-6)
    }),
  )
})

test('points on one line, or in one place, have a box without area', () => {
  const line = [0, 1, 2].map((x) => ({ x, y: x }))
  const thin = smallestBox(line)
  assert.ok(Math.min(thin.width, thin.height) < 1e-9)
  const dot = smallestBox([{ x: 5, y: 5 }])
  assert.deepEqual([dot.width, dot.height], [0, 0])
})
