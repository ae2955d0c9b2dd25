import { throwIfAborted } from '@soma/core'
import { cropStrip } from './crop.ts'
import { detectLines } from './detect.ts'
import { unreadable } from './errors.ts'
import type { Box } from './geometry.ts'
import { type Pixels, turnPixels } from './image.ts'
import { PIECES_MAX } from './limits.ts'
import type { Models } from './load.ts'
import { type ReadBox, pageTurns, readPiece } from './orientation.ts'
import { type Reading, recognizeStrip } from './recognize.ts'
import { type Piece, readingOrder } from './rows.ts'

/**
 * Reads a page: finds its lines, turns it upright if it lies on a side or its head, reads the lines, puts them in order.
 * A cancelled call ends between two lines.
 * @returns one piece a row, its box in pixels of `page`.
 */
export async function readPage(models: Models, page: Pixels, signal: AbortSignal): Promise<Piece[]> {
  const boxes = await findLines(models, page, signal)
  const read = reader(models, page, signal)
  const turns = await pageTurns(boxes, read)
  if (turns === 0) return readLines(boxes, models, read)
  // The detector was trained on upright text: it finds turned lines, but not their exact ends.
  const upright = await turnPixels(page, 4 - turns)
  const uprightBoxes = await findLines(models, upright, signal)
  const pieces = await readLines(uprightBoxes, models, reader(models, upright, signal))
  return pieces.map((piece) => ({ ...piece, box: turnBack(piece.box, upright, turns) }))
}

async function findLines({ detector, settings }: Models, page: Pixels, signal: AbortSignal): Promise<Box[]> {
  throwIfAborted(signal)
  const boxes = await detectLines(detector, page, settings.detectionPixels)
  if (boxes.length <= PIECES_MAX) return boxes
  throw unreadable(`has ${boxes.length} pieces of text, more than the ${PIECES_MAX} that are read: split it`, {
    details: { unit: 'pieces', actual: boxes.length, limit: PIECES_MAX },
  })
}

async function readLines(boxes: readonly Box[], { settings }: Models, read: ReadBox): Promise<Piece[]> {
  const pieces: Piece[] = []
  for (const box of boxes) {
    const piece = await readPiece(box, read)
    if (piece.text !== '' && piece.confidence >= settings.confidenceMin) pieces.push(piece)
  }
  return readingOrder(pieces)
}

/** Reads each box once: the lines that told the page's direction are not read again. */
function reader({ recognizer, alphabet }: Models, page: Pixels, signal: AbortSignal): ReadBox {
  const done = new Map<Box, Reading>()
  return async (box) => {
    throwIfAborted(signal)
    const reading = done.get(box) ?? (await recognizeStrip(recognizer, cropStrip(page, box), alphabet))
    done.set(box, reading)
    return reading
  }
}

/** Where a box of the upright page lies on the page as it came: each clockwise quarter turn takes (x, y) to (height - y, x). */
function turnBack(box: Box, page: Omit<Pixels, 'data'>, turns: number): Box {
  if (turns === 0) return box
  const turned = { ...box, x: page.height - box.y, y: box.x, angle: box.angle + Math.PI / 2 }
  return turnBack(turned, { width: page.height, height: page.width }, turns - 1)
}
