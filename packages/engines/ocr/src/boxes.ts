import { type Box, type Point, smallestBox } from './geometry.ts'

/** How likely each pixel is part of a line's core: float32[height, width], row-major. */
export interface TextMap {
  readonly data: Float32Array
  readonly width: number
  readonly height: number
}

/** PaddleOCR's own figures for its DB detector: what is text, how sure a region must be, how much of a line its core leaves out. */
const PIXEL_PROBABILITY_MIN = 0.3
const REGION_PROBABILITY_MIN = 0.6
const UNCLIP_RATIO = 1.5
/** Pixels: smaller regions hold no letter that the recogniser could read. */
const SIDE_MIN = 3

interface Region {
  /** Outline of the region: where each of its pixel rows begins and ends. */
  readonly outline: readonly Point[]
  readonly meanProbability: number
}

/**
 * Finds the lines of text in a map: connected regions, each grown from the core that the detector marks to the whole line.
 * @returns boxes in pixels of the map, in no order.
 */
export function findBoxes(map: TextMap): Box[] {
  const boxes: Box[] = []
  for (const region of regions(map)) {
    if (region.meanProbability < REGION_PROBABILITY_MIN) continue
    const core = smallestBox(region.outline)
    if (Math.min(core.width, core.height) >= SIDE_MIN) boxes.push(unclip(core))
  }
  return boxes
}

/** The detector is trained on lines shrunk by area × ratio ÷ perimeter (Vatti clipping); for a rectangle this undoes it. */
function unclip(core: Box): Box {
  const distance = (core.width * core.height * UNCLIP_RATIO) / (2 * (core.width + core.height))
  return { ...core, width: core.width + 2 * distance, height: core.height + 2 * distance }
}

/** Regions of neighbouring text pixels, diagonals included. */
function* regions(map: TextMap): Generator<Region> {
  const seen = new Uint8Array(map.data.length)
  const stack = new Int32Array(map.data.length)
  for (let start = 0; start < seen.length; start++) if (isFreshText(map, seen, start)) yield fill(map, start, { seen, stack })
}

function isFreshText(map: TextMap, seen: Uint8Array, at: number): boolean {
  return seen[at] === 0 && (map.data[at] ?? 0) > PIXEL_PROBABILITY_MIN
}

function fill(map: TextMap, start: number, scratch: { seen: Uint8Array; stack: Int32Array }): Region {
  const { seen, stack } = scratch
  const rows = new Map<number, { left: number; right: number }>()
  let depth = 1
  let sum = 0
  let count = 0
  stack[0] = start
  seen[start] = 1
  while (depth > 0) {
    const at = stack[--depth] ?? 0
    const x = at % map.width
    const y = (at - x) / map.width
    sum += map.data[at] ?? 0
    count++
    extend(rows, x, y)
    for (let ny = Math.max(0, y - 1); ny <= Math.min(map.height - 1, y + 1); ny++)
      for (let nx = Math.max(0, x - 1); nx <= Math.min(map.width - 1, x + 1); nx++) {
        const next = ny * map.width + nx
        if (!isFreshText(map, seen, next)) continue
        seen[next] = 1
        stack[depth++] = next
      }
  }
  return { outline: outline(rows), meanProbability: sum / count }
}

function extend(rows: Map<number, { left: number; right: number }>, x: number, y: number): void {
  const row = rows.get(y)
  if (row === undefined) rows.set(y, { left: x, right: x })
  else if (x < row.left) row.left = x
  else if (x > row.right) row.right = x
}

/** Pixels are squares, not points: a region one pixel high has a height of one. */
function outline(rows: ReadonlyMap<number, { readonly left: number; readonly right: number }>): Point[] {
  return [...rows].flatMap(([y, { left, right }]) => [
    { x: left, y },
    { x: left, y: y + 1 },
    { x: right + 1, y },
    { x: right + 1, y: y + 1 },
  ])
}
