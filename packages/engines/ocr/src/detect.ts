import { type InferenceSession, Tensor } from 'onnxruntime-node'
import { type Box, corners, smallestBox } from './geometry.ts'
import { type TextMap, findBoxes } from './boxes.ts'
import { type Pixels, resizePixels } from './image.ts'

/** The detector halves its picture five times. */
const SIDE_MULTIPLE = 32
/** ImageNet statistics, in the order of the channels that the model was trained with: blue, green, red. */
const means = [0.485, 0.456, 0.406]
const deviations = [0.229, 0.224, 0.225]

/**
 * Finds the lines of text of a picture.
 * @param pixelsMax the picture is scaled down to so many pixels first. Time and memory grow with them, and so does the
 *   smallest print that is found. An area, not PaddleOCR's longest side: a long receipt stays legible.
 * @returns boxes in pixels of `picture`, in no order.
 */
export async function detectLines(detector: InferenceSession, picture: Pixels, pixelsMax: number): Promise<Box[]> {
  const map = await textMap(detector, await resizePixels(picture, detectorSize(picture, pixelsMax)))
  return findBoxes(map).map((box) => stretch(box, picture.width / map.width, picture.height / map.height))
}

function detectorSize({ width, height }: Pixels, pixelsMax: number): { width: number; height: number } {
  const shrink = Math.min(1, Math.sqrt(pixelsMax / (width * height)))
  const side = (length: number): number => Math.max(1, Math.round((length * shrink) / SIDE_MULTIPLE)) * SIDE_MULTIPLE
  const [across, down] = [side(width), side(height)]
  // A picture of one row of pixels becomes 32 high: its length must give way.
  const longest = (other: number): number => Math.max(1, Math.floor(pixelsMax / other / SIDE_MULTIPLE)) * SIDE_MULTIPLE
  return { width: Math.min(across, longest(down)), height: Math.min(down, longest(across)) }
}

async function textMap(detector: InferenceSession, { data, width, height }: Pixels): Promise<TextMap> {
  const input = new Tensor('float32', normalise(data), [1, 3, height, width])
  const outputs = await detector.run({ [detector.inputNames[0] ?? '']: input })
  const output = outputs[detector.outputNames[0] ?? '']
  return { data: output?.data as Float32Array, width, height }
}

/** Interleaved RGB bytes to the model's planes of blue, green and red. */
function normalise(rgb: Uint8Array): Float32Array {
  const pixels = rgb.length / 3
  const planes = new Float32Array(rgb.length)
  for (let channel = 0; channel < 3; channel++) {
    const scale = 1 / (255 * (deviations[channel] ?? 1))
    const offset = (means[channel] ?? 0) / (deviations[channel] ?? 1)
    for (let at = 0; at < pixels; at++) planes[channel * pixels + at] = (rgb[at * 3 + 2 - channel] ?? 0) * scale - offset
  }
  return planes
}

/** The sides were rounded to multiples each for itself, so a turned box is no exact rectangle any more. */
function stretch(box: Box, scaleX: number, scaleY: number): Box {
  return smallestBox(corners(box).map(({ x, y }) => ({ x: x * scaleX, y: y * scaleY })))
}
