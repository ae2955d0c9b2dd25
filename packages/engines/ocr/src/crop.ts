import { type Box, rotate } from './geometry.ts'
import type { Pixels } from './image.ts'
import { STRIP_WIDTH_MAX } from './limits.ts'

/** A line of text, straight and 48 pixels high, as the recogniser takes it: float32[3, 48, width], blue green red, -1 to 1. */
export interface Strip {
  readonly data: Float32Array
  readonly width: number
}

export const STRIP_HEIGHT = 48
/** Samples per pixel and axis when shrinking: each reaches over two source pixels, so lines of 384 pixels stay smooth. */
const SAMPLES_MAX = 4

/** Cuts a box out of a picture: turned straight, scaled to the strip's height, smoothed where that shrinks it. */
export function cropStrip(picture: Pixels, box: Box): Strip {
  const width = Math.min(STRIP_WIDTH_MAX, Math.max(1, Math.round((STRIP_HEIGHT * box.width) / box.height)))
  const data = new Float32Array(3 * STRIP_HEIGHT * width)
  const grid = samplingGrid(box, width)
  for (let y = 0; y < STRIP_HEIGHT; y++) for (let x = 0; x < width; x++) samplePixel(picture, grid, { data, width, x, y })
  return { data, width }
}

interface SamplingGrid {
  /** Where the first sample of the first pixel lies, and the steps to the next sample along and across the line. */
  readonly originX: number
  readonly originY: number
  readonly alongX: number
  readonly alongY: number
  readonly acrossX: number
  readonly acrossY: number
  /** Samples per pixel along and across. */
  readonly along: number
  readonly across: number
}

function samplingGrid(box: Box, width: number): SamplingGrid {
  const pixel = { width: box.width / width, height: box.height / STRIP_HEIGHT }
  const along = samples(pixel.width)
  const across = samples(pixel.height)
  const alongStep = rotate({ x: pixel.width / along, y: 0 }, box.angle)
  const acrossStep = rotate({ x: 0, y: pixel.height / across }, box.angle)
  const first = rotate({ x: (pixel.width / along - box.width) / 2, y: (pixel.height / across - box.height) / 2 }, box.angle)
  return {
    // Sample positions are pixel centres, which lie half a pixel into the continuous picture.
    originX: box.x + first.x - 0.5,
    originY: box.y + first.y - 0.5,
    alongX: alongStep.x,
    alongY: alongStep.y,
    acrossX: acrossStep.x,
    acrossY: acrossStep.y,
    along,
    across,
  }
}

function samples(sourcePixels: number): number {
  return Math.min(SAMPLES_MAX, Math.max(1, Math.round(sourcePixels)))
}

interface Target {
  readonly data: Float32Array
  readonly width: number
  readonly x: number
  readonly y: number
}

function samplePixel(picture: Pixels, grid: SamplingGrid, target: Target): void {
  const sum = { red: 0, green: 0, blue: 0 }
  for (let row = target.y * grid.across; row < (target.y + 1) * grid.across; row++)
    for (let column = target.x * grid.along; column < (target.x + 1) * grid.along; column++)
      addBilinear(
        picture,
        grid.originX + column * grid.alongX + row * grid.acrossX,
        grid.originY + column * grid.alongY + row * grid.acrossY,
        sum,
      )
  const scale = 1 / (grid.along * grid.across * 127.5)
  const plane = STRIP_HEIGHT * target.width
  const at = target.y * target.width + target.x
  target.data[at] = sum.blue * scale - 1
  target.data[at + plane] = sum.green * scale - 1
  target.data[at + 2 * plane] = sum.red * scale - 1
}

/** Adds the colour at a point between pixels; beyond the edge the edge goes on. */
function addBilinear({ data, width, height }: Pixels, x: number, y: number, sum: { red: number; green: number; blue: number }): void {
  const left = Math.max(0, Math.min(width - 1, x))
  const top = Math.max(0, Math.min(height - 1, y))
  const x0 = Math.floor(left)
  const y0 = Math.floor(top)
  const x1 = Math.min(width - 1, x0 + 1)
  const y1 = Math.min(height - 1, y0 + 1)
  addPixel(data, y0 * width + x0, (1 - left + x0) * (1 - top + y0), sum)
  addPixel(data, y0 * width + x1, (left - x0) * (1 - top + y0), sum)
  addPixel(data, y1 * width + x0, (1 - left + x0) * (top - y0), sum)
  addPixel(data, y1 * width + x1, (left - x0) * (top - y0), sum)
}

function addPixel(data: Uint8Array, pixel: number, weight: number, sum: { red: number; green: number; blue: number }): void {
  sum.red += (data[pixel * 3] ?? 0) * weight
  sum.green += (data[pixel * 3 + 1] ?? 0) * weight
  sum.blue += (data[pixel * 3 + 2] ?? 0) * weight
}
