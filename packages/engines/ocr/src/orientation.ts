import { type Box, turn } from './geometry.ts'
import type { Reading } from './recognize.ts'
import type { Piece } from './rows.ts'

export type ReadBox = (box: Box) => Promise<Reading>

/** PaddleOCR's figure: a box this much higher than wide holds a line on its side, or one narrow letter. */
const TALL_RATIO = 1.5
/** Lines that are read every way to tell how a page lies: the longest tell best. */
const PROBES = 3
/** Lines of a scan come out at 0.91 to 1 the right way up, at 0 to 0.41 upside down. Above this nothing else is tried. */
const SURE_CONFIDENCE = 0.9

/**
 * Finds out which way a page lies. The recogniser itself is the judge, so that no fourth model is needed: the wrong way up
 * it is less sure.
 * @returns the quarter turns, clockwise, by which the text is turned.
 */
export async function pageTurns(boxes: readonly Box[], read: ReadBox): Promise<number> {
  const tall = lengthOf(boxes.filter(isTall)) * 2 > lengthOf(boxes)
  const probes = [...boxes].sort((a, b) => longSide(b) - longSide(a)).slice(0, PROBES)
  let best = { turns: 0, confidence: -1 }
  for (const turns of tall ? [0, 1, 3] : [0, 2]) {
    const confidence = await meanConfidence(probes, (box) => read(turn(box, turns)))
    if (confidence > best.confidence) best = { turns, confidence }
    if (confidence >= SURE_CONFIDENCE) break
  }
  return best.turns
}

/** Reads one box of an upright page; a tall one also on its sides, if it makes no sense as it stands. */
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

function longSide(box: Box): number {
  return Math.max(box.width, box.height)
}

function lengthOf(boxes: readonly Box[]): number {
  return boxes.reduce((sum, box) => sum + longSide(box), 0)
}

async function meanConfidence(boxes: readonly Box[], read: ReadBox): Promise<number> {
  let sum = 0
  for (const box of boxes) sum += (await read(box)).confidence
  return boxes.length === 0 ? 1 : sum / boxes.length
}
