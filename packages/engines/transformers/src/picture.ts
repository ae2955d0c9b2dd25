import { isSomaError } from '@soma/core'
import sharp from 'sharp'
import { messageOf, unreadable } from './errors.ts'
import type { Library, LibraryImage } from './library.ts'
import { PICTURE_BYTES_MAX, PICTURE_PIXELS_MAX } from './limits.ts'

/** What people have pictures in; everything else that libvips can read stays shut. */
const loaders = ['Jpeg', 'Png', 'Webp', 'Nsgif', 'Tiff', 'Heif']

/** Sets libvips up for a process that decodes strangers' pictures. */
export function prepareDecoder(threads: number): void {
  sharp.block({ operation: ['VipsForeignLoad'] })
  sharp.unblock({ operation: loaders.map((loader) => `VipsForeignLoad${loader}`) })
  sharp.cache(false)
  sharp.concurrency(threads)
}

/**
 * Decodes the first frame of a picture: upright, on white where it is transparent, RGB.
 * @throws {SomaError} `model/unreadable-input` when it is truncated, of no known format, or over a limit.
 */
export async function decodePicture({ RawImage }: Library, encoded: Uint8Array): Promise<LibraryImage> {
  if (encoded.byteLength === 0) throw unreadable('has no bytes')
  if (encoded.byteLength > PICTURE_BYTES_MAX)
    throw unreadable(`has ${encoded.byteLength} bytes, more than the ${PICTURE_BYTES_MAX} that are read`)
  try {
    const { width, height } = await sharp(encoded, { limitInputPixels: false }).metadata()
    if (width * height > PICTURE_PIXELS_MAX)
      throw unreadable(`has ${width * height} pixels, more than the ${PICTURE_PIXELS_MAX} that are read`)
    const picture = sharp(encoded, { limitInputPixels: PICTURE_PIXELS_MAX, failOn: 'error', pages: 1 })
    const upright = picture.autoOrient().flatten({ background: '#ffffff' }).toColourspace('srgb').raw({ depth: 'uchar' })
    const { data, info } = await upright.toBuffer({ resolveWithObject: true })
    return new RawImage(new Uint8Array(data), info.width, info.height, 3)
  } catch (error) {
    if (isSomaError(error)) throw error
    throw unreadable(`cannot be decoded: ${messageOf(error).split('\n')[0]}`, error)
  }
}
