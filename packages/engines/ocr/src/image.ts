import { isSomaError } from '@soma/core'
import sharp, { type Sharp } from 'sharp'
import { messageOf, unreadable } from './errors.ts'
import { DECODE_SECONDS_MAX, ENCODED_BYTES_MAX, PICTURE_PIXELS_MAX, WORKING_PIXELS_MAX } from './limits.ts'

/** RGB, 8 bits, row-major. */
export interface Pixels {
  readonly data: Uint8Array
  readonly width: number
  readonly height: number
}

/** A picture in memory, as its EXIF data turns it. */
export interface Picture extends Pixels {
  /** Pixels of the original for one pixel of this, 1 unless the original was larger than we work on. */
  readonly scaleX: number
  readonly scaleY: number
}

/** Formats people have text in. Everything else that libvips can read (SVG, which opens files; matrices; FITS …) stays shut. */
const loaders = ['Jpeg', 'Png', 'Webp', 'Nsgif', 'Tiff', 'Heif']

/** Sets libvips up for a process that decodes strangers' pictures with `threads` threads. */
export function prepareDecoder(threads: number): void {
  sharp.block({ operation: ['VipsForeignLoad'] })
  sharp.unblock({ operation: loaders.map((loader) => `VipsForeignLoad${loader}`) })
  sharp.cache(false)
  sharp.concurrency(threads)
}

/**
 * Decodes the first frame of a picture: turned upright as its EXIF data says, on white where it is transparent.
 * @throws {SomaError} `model/unreadable-input` when it is truncated, of no known format, or over a limit.
 */
export async function decodePicture(encoded: Uint8Array): Promise<Picture> {
  if (encoded.byteLength === 0) throw unreadable('has no bytes')
  if (encoded.byteLength > ENCODED_BYTES_MAX) throw tooLarge('bytes', encoded.byteLength, ENCODED_BYTES_MAX)
  const original = await readSize(encoded)
  return workingCopy(open(encoded).autoOrient(), original)
}

/**
 * Takes RGB pixels as they are.
 * @param shape [height, width, 3]
 * @throws {SomaError} `model/unreadable-input` when there are none, or too many.
 */
export async function rawPicture(data: Uint8Array, shape: readonly number[]): Promise<Picture> {
  const [height = 0, width = 0] = shape
  checkSize(width, height)
  if (width * height <= WORKING_PIXELS_MAX) return { data, width, height, scaleX: 1, scaleY: 1 }
  return workingCopy(fromPixels({ data, width, height }), { width, height })
}

/** @returns the pixels stretched to `size`. */
export async function resizePixels(pixels: Pixels, size: { readonly width: number; readonly height: number }): Promise<Pixels> {
  if (size.width === pixels.width && size.height === pixels.height) return pixels
  const resized = fromPixels(pixels).resize({ ...size, fit: 'fill' })
  return { ...size, data: await resized.raw().toBuffer() }
}

/** @returns the pixels turned clockwise by quarter turns. */
export async function turnPixels(pixels: Pixels, turns: number): Promise<Pixels> {
  const turned = fromPixels(pixels).rotate(turns * 90)
  const size = turns % 2 === 0 ? pixels : { width: pixels.height, height: pixels.width }
  return { width: size.width, height: size.height, data: await turned.raw().toBuffer() }
}

function fromPixels({ data, width, height }: Pixels): Sharp {
  return sharp(data, { raw: { width, height, channels: 3 }, limitInputPixels: PICTURE_PIXELS_MAX })
}

/** Warnings pass: cameras write odd metadata. Errors and missing bytes do not. */
function open(encoded: Uint8Array, limitInputPixels: number | false = PICTURE_PIXELS_MAX): Sharp {
  return sharp(encoded, { limitInputPixels, failOn: 'error', pages: 1 })
}

/** Reads the header only, so that a picture over the limit costs nothing; without the library's limit, whose message has no figures. */
async function readSize(encoded: Uint8Array): Promise<{ width: number; height: number }> {
  try {
    const { autoOrient } = await open(encoded, false).metadata()
    checkSize(autoOrient.width, autoOrient.height)
    return autoOrient
  } catch (error) {
    throw asUnreadable(error)
  }
}

async function workingCopy(source: Sharp, original: { readonly width: number; readonly height: number }): Promise<Picture> {
  const shrink = Math.min(1, Math.sqrt(WORKING_PIXELS_MAX / (original.width * original.height)))
  const width = Math.max(1, Math.floor(original.width * shrink))
  const height = Math.max(1, Math.floor(original.height * shrink))
  const upright = shrink < 1 ? source.resize({ width, height, fit: 'fill' }) : source
  try {
    const data = await upright
      .flatten({ background: '#ffffff' })
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .timeout({ seconds: DECODE_SECONDS_MAX })
      .toBuffer()
    if (data.byteLength !== width * height * 3) throw unreadable(`decodes to ${data.byteLength} bytes instead of ${width}×${height} RGB`)
    return { data, width, height, scaleX: original.width / width, scaleY: original.height / height }
  } catch (error) {
    throw asUnreadable(error)
  }
}

function checkSize(width: number, height: number): void {
  if (width < 1 || height < 1) throw unreadable(`has no pixels (${width}×${height})`)
  if (width * height > PICTURE_PIXELS_MAX) throw tooLarge('pixels', width * height, PICTURE_PIXELS_MAX)
}

function tooLarge(unit: string, actual: number, limit: number): Error {
  return unreadable(`has ${actual} ${unit}, more than the ${limit} that are read: scale it down or split it`, {
    details: { unit, actual, limit },
  })
}

function asUnreadable(error: unknown): Error {
  if (isSomaError(error)) return error
  const message = messageOf(error)
  if (/^timeout:/m.test(message)) return unreadable(`takes more than ${DECODE_SECONDS_MAX} s to decode: scale it down`, { cause: error })
  return unreadable(`cannot be decoded: ${message.split('\n')[0]}`, { cause: error })
}
