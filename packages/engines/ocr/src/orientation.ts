import { type Box, turn } from './geometry.ts'
import type { Piece } from './rows.ts'
import type { Reading } from './recognize.ts'

export type ReadBox = (box: Box) => Promise<Reading>

/** PaddleOCR's figure: a box this much higher than wide holds a line on its side, or one narrow letter. */
const TALL_RATIO = 1.5
/** Lines that are read both ways to tell whether a page is upside down: the longest tell best. */
const PROBES = 3
/** Lines the right way up read at 0.85 and more here, upside down at 0.35–0.75: above this nothing else is tried. */
const SURE_CONFIDENCE = 0.9

/**
 * Turns the boxes of a page so that they are read in its reading direction, whichever of the four ways it lies.
 * The recogniser itself is the judge, so that no fourth model is needed: upside down it is less sure.
 */
export async function orientPage(boxes: readonly Box[], read: ReadBox): Promise<readonly Box[]> {
  const level = lengthOf(boxes.filter(isTall)) > lengthOf(boxes.filter((box) => !isTall(box))) ? turnAll(boxes, 1) : boxes
  const longest = [...level].sort((a, b) => b.width - a.width).slice(0, PROBES)
  const confidence = await meanConfidence(longest, read)
  if (longest.length === 0 || confidence >= SURE_CONFIDENCE) return level
  return (await meanConfidence(turnAll(longest, 2), read)) > confidence ? turnAll(level, 2) : level
}

/** Reads one box of an oriented page; a tall one also on its sides, if it makes no sense as it stands. */
export async function readPiece(box: Box, read: ReadBox): Promise<Piece> {
  let best: Piece = { box, ...(await read(box)) }
  for (const turns of isTall(box) ? [1, 3] : []) {
    if (best.confidence >= SURE_CONFIDENCE) break
    const turned = turn(box, turns)
    const reading = await read(turned)
    if (reading.confidence > best.confidence) best = { box: turned, ...reading }
  }
  return best
}

function isTall(box: Box): boolean {
  return box.height >= TALL_RATIO * box.width
}

function lengthOf(boxes: readonly Box[]): number {
  return boxes.reduce((sum, box) => sum + Math.max(box.width, box.height), 0)
}

function turnAll(boxes: readonly Box[], turns: number): Box[] {
  return boxes.map((box) => turn(box, turns))
}

async function meanConfidence(boxes: readonly Box[], read: ReadBox): Promise<number> {
  let sum = 0
  for (const box of boxes) sum += (await read(box)).confidence
  return sum / boxes.length
}
