import { type Box, type Point, corners, enclosingBox, rotate } from './geometry.ts'
import type { Reading } from './recognize.ts'

/** A box and what it says. */
export interface Piece extends Reading {
  readonly box: Box
}

/** Pieces are on one row when their middles are closer than this share of the lower one's height. */
const ROW_DISTANCE = 0.5
/** Pieces further apart than this many line heights are columns: a tab goes between them, otherwise a space. */
const COLUMN_GAP = 1

/**
 * Puts pieces into reading order: rows from top to bottom, one line each, and inside a row from left to right — what a
 * person reads off a receipt or a table. Columns of running text side by side come out interleaved, with tabs between.
 * @returns one piece a row.
 */
export function readingOrder(pieces: readonly Piece[]): Piece[] {
  const angle = pageAngle(pieces)
  const placed = pieces.map((piece) => place(piece, angle)).sort((a, b) => a.left - b.left)
  const rows: Placed[][] = []
  for (const piece of placed) {
    const row = nearestRow(rows, piece)
    if (row === undefined) rows.push([piece])
    else row.push(piece)
  }
  return rows.sort((a, b) => middleOf(a) - middleOf(b)).map((row) => join(row, angle))
}

/** A piece seen along the lines of its page, as if that were not turned. */
interface Placed {
  readonly piece: Piece
  readonly left: number
  readonly right: number
  readonly middle: number
  readonly height: number
}

/** The angle that half of the text lies left of, by length: short pieces' angles are chance. */
function pageAngle(pieces: readonly Piece[]): number {
  const sorted = [...pieces].sort((a, b) => a.box.angle - b.box.angle)
  const half = sorted.reduce((sum, { box }) => sum + box.width, 0) / 2
  let seen = 0
  return sorted.find(({ box }) => (seen += box.width) >= half)?.box.angle ?? 0
}

function place(piece: Piece, angle: number): Placed {
  const turned: readonly Point[] = corners(piece.box).map((corner) => rotate(corner, -angle))
  const xs = turned.map((point) => point.x)
  const ys = turned.map((point) => point.y)
  const [top, bottom] = [Math.min(...ys), Math.max(...ys)]
  const { y } = rotate(piece.box, -angle)
  return { piece, left: Math.min(...xs), right: Math.max(...xs), middle: y, height: Math.min(piece.box.height, bottom - top) }
}

/** Only a row's last piece counts: a row of a crumpled page climbs and falls. */
function nearestRow(rows: readonly Placed[][], piece: Placed): Placed[] | undefined {
  let nearest: Placed[] | undefined
  let least = Infinity
  for (const row of rows) {
    const last = row.at(-1)
    if (last === undefined) continue
    const distance = Math.abs(last.middle - piece.middle) / Math.min(last.height, piece.height)
    if (distance >= Math.min(ROW_DISTANCE, least)) continue
    nearest = row
    least = distance
  }
  return nearest
}

function middleOf(row: readonly Placed[]): number {
  return row.reduce((sum, { middle }) => sum + middle, 0) / row.length
}

function join(row: readonly Placed[], angle: number): Piece {
  const [first] = row
  if (row.length === 1 && first !== undefined) return first.piece
  const text = row.map((placed, index) => separator(row[index - 1], placed) + placed.piece.text).join('')
  const length = row.reduce((sum, { piece }) => sum + piece.text.length, 0)
  const confidence = row.reduce((sum, { piece }) => sum + piece.confidence * piece.text.length, 0) / length
  return {
    text,
    confidence,
    box: enclosingBox(
      row.flatMap(({ piece }) => corners(piece.box)),
      angle,
    ),
  }
}

function separator(before: Placed | undefined, after: Placed): string {
  if (before === undefined) return ''
  return after.left - before.right > COLUMN_GAP * Math.min(before.height, after.height) ? '\t' : ' '
}
