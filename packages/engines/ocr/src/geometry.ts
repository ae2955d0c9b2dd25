export interface Point {
  readonly x: number
  readonly y: number
}

/** A rectangle at any angle. `width` runs in reading direction, which points `angle` radians clockwise from the x axis. */
export interface Box {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
  readonly angle: number
}

/** @returns the corners clockwise from the one where reading starts above the text. */
export function corners({ x, y, width, height, angle }: Box): [Point, Point, Point, Point] {
  const corner = (across: number, down: number): Point => {
    const turned = rotate({ x: (across * width) / 2, y: (down * height) / 2 }, angle)
    return { x: x + turned.x, y: y + turned.y }
  }
  return [corner(-1, -1), corner(1, -1), corner(1, 1), corner(-1, 1)]
}

/** Turns a point around the origin, clockwise as the screen shows it. */
export function rotate({ x, y }: Point, angle: number): Point {
  const cos = Math.cos(angle)
  const sin = Math.sin(angle)
  return { x: x * cos - y * sin, y: x * sin + y * cos }
}

/** The same rectangle, read in a direction `turns` quarter turns further clockwise. */
export function turn(box: Box, turns: number): Box {
  if (turns === 0) return box
  const swapped = turns % 2 === 0 ? box : { ...box, width: box.height, height: box.width }
  return { ...swapped, angle: box.angle + (turns * Math.PI) / 2 }
}

/** The smallest rectangle at `angle` that holds all points. */
export function enclosingBox(points: readonly Point[], angle: number): Box {
  const turned = points.map((point) => rotate(point, -angle))
  const xs = turned.map((point) => point.x)
  const ys = turned.map((point) => point.y)
  const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)]
  const center = rotate({ x: (left + right) / 2, y: (top + bottom) / 2 }, angle)
  return { ...center, width: right - left, height: bottom - top, angle }
}

/**
 * The smallest rectangle at any angle that holds all points: one of its sides lies on an edge of their convex hull.
 * Its reading direction is the one of its sides nearest to left-to-right, so `angle` is within ±45°.
 */
export function smallestBox(points: readonly Point[]): Box {
  const hull = convexHull(points)
  const angles = hull.map((point, index) => edgeAngle(point, hull[(index + 1) % hull.length] ?? point))
  const boxes = angles.map((angle) => enclosingBox(hull, angle))
  return boxes.reduce((best, box) => (box.width * box.height < best.width * best.height ? box : best))
}

/** Direction of an edge, brought into (-45°, 45°] by quarter turns. */
function edgeAngle(from: Point, to: Point): number {
  const angle = Math.atan2(to.y - from.y, to.x - from.x)
  return angle - Math.round(angle / (Math.PI / 2)) * (Math.PI / 2)
}

/** Andrew's monotone chain: lower and upper half over points sorted by x. */
function convexHull(points: readonly Point[]): readonly Point[] {
  if (points.length === 1) return points
  const sorted = [...points].sort((a, b) => a.x - b.x || a.y - b.y)
  const lower = halfHull(sorted)
  const upper = halfHull(sorted.reverse())
  return [...lower.slice(0, -1), ...upper.slice(0, -1)]
}

function halfHull(sorted: readonly Point[]): Point[] {
  const hull: Point[] = []
  for (const point of sorted) {
    while (hull.length >= 2 && !turnsLeft(hull.at(-2) ?? point, hull.at(-1) ?? point, point)) hull.pop()
    hull.push(point)
  }
  return hull
}

function turnsLeft(a: Point, b: Point, c: Point): boolean {
  return (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x) > 0
}
