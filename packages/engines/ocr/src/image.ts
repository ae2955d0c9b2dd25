import { isSomaError } from '@soma/core'
import sharp, { type Sharp } from 'sharp'
import { messageOf, unreadable } from './errors.ts'
import { DECODE_SECONDS_MAX, ENCODED_BYTES_MAX, PICTURE_PIXELS_MAX, WORKING_PIXELS_MAX } from './limits.ts'

/** A picture in memory: RGB, 8 bits, row-major, upright. */
export interface Picture {
  readonly data: Uint8Array
  readonly width: number
  readonly height: number
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
  const original = await openPicture(encoded)
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
  return workingCopy(sharp(data, { raw: { width, height, channels: 3 }, limitInputPixels: PICTURE_PIXELS_MAX }), { width, height })
}

/** @returns the picture's RGB pixels, stretched to `size`. */
export async function resizePicture(picture: Picture, size: { readonly width: number; readonly height: number }): Promise<Uint8Array> {
  const { data, width, height } = picture
  if (size.width === width && size.height === height) return data
  return sharp(data, { raw: { width, height, channels: 3 } })
    .resize({ ...size, fit: 'fill' })
    .raw()
    .toBuffer()
}

function open(encoded: Uint8Array): Sharp {
  return sharp(encoded, { limitInputPixels: PICTURE_PIXELS_MAX, failOn: 'error', pages: 1 })
}

/** Reads the header only: a picture over the limit costs nothing. */
async function openPicture(encoded: Uint8Array): Promise<{ width: number; height: number }> {
  try {
    const { autoOrient } = await open(encoded).metadata()
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
  return isSomaError(error) ? error : unreadable(`cannot be decoded: ${messageOf(error).split('\n')[0]}`, { cause: error })
}
