import { assert, defined } from '@soma/core'
import {
  type EngineContext,
  type InferRequest,
  type InferResponse,
  type LoadedModel,
  type MemoryUsage,
  type Signature,
  type Tensor,
  type TensorSpec,
  decodeStrings,
  encodeStrings,
} from '@soma/spec'
import { Turns } from '@soma/wire'
import type { OcrDeps } from './engine.ts'
import { mismatch } from './errors.ts'
import { corners } from './geometry.ts'
import { type Picture, decodePicture, rawPicture } from './image.ts'
import { readInputFile } from './input-file.ts'
import { WAITING_CALLS_MAX } from './limits.ts'
import type { Models } from './load.ts'
import { readPage } from './page.ts'
import type { Piece } from './rows.ts'

const image: TensorSpec = {
  name: 'image',
  dtype: 'uint8',
  shape: null,
  description:
    'A picture: the bytes of a JPEG, PNG, WebP, GIF, TIFF or AVIF file as uint8[bytes], or RGB pixels as uint8[height, width, 3].',
}
const path: TensorSpec = {
  name: 'path',
  dtype: 'string',
  shape: [1],
  optional: true,
  description: 'Instead of "image": the absolute path of a picture on the machine of the daemon.',
}
const outputs: readonly TensorSpec[] = [
  {
    name: 'text',
    dtype: 'string',
    shape: [-1],
    description: 'The lines of text from top to bottom, one for each visual row; a tab stands between columns.',
  },
  { name: 'confidence', dtype: 'float32', shape: [-1], description: 'How sure each line is, 0 to 1: the mean over its characters.' },
  {
    name: 'boxes',
    dtype: 'float32',
    shape: [-1, 4, 2],
    description: 'x and y of each line’s corners in pixels of the upright picture, clockwise from where its first letter has its top left.',
  },
]

/** A reader of pictures in memory, one at a time, which bounds memory; a single recognition already uses every thread. */
export class OcrModel implements LoadedModel {
  readonly signature: Signature
  readonly #models: Models
  readonly #deps: OcrDeps
  readonly #turns = new Turns(WAITING_CALLS_MAX)
  #disposed = false

  constructor(models: Models, deps: OcrDeps) {
    this.#models = models
    this.#deps = deps
    this.signature = { inputs: models.settings.readPaths ? [{ ...image, optional: true }, path] : [image], outputs }
  }

  infer(request: InferRequest, ctx: EngineContext): Promise<InferResponse> {
    return this.#turns.run(ctx.signal, async () => {
      assert(!this.#disposed, 'no call after the model was given back')
      const picture = await this.#open(request.inputs)
      const pieces = await readPage(this.#models, picture, ctx.signal)
      return { outputs: toTensors(pieces, picture).filter(({ name }) => request.outputs?.includes(name) ?? true) }
    })
  }

  usage(): MemoryUsage {
    return { residentBytes: this.#deps.residentBytes() }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#disposed) return
    this.#disposed = true
    await this.#turns.idle()
    await this.#models[Symbol.asyncDispose]()
  }

  /** Dtypes, names and byte counts fit the signature already: whoever serves an engine checks them. */
  async #open(inputs: readonly Tensor[]): Promise<Picture> {
    const [input, ...others] = inputs
    if (input === undefined || others.length > 0)
      throw mismatch(this.signature.inputs.map(({ name }) => name).join(' or '), 'exactly one of them', String(inputs.length))
    return input.name === 'path' ? decodePicture(await readInputFile(onlyPath(input))) : openImage(input)
  }
}

function onlyPath({ data }: Tensor): string {
  return defined(decodeStrings(data)[0], 'a string[1] holds a string')
}

function openImage({ data, shape }: Tensor): Promise<Picture> {
  if (shape.length === 1) return decodePicture(data)
  if (shape.length === 3 && shape[2] === 3) return rawPicture(data, shape)
  throw mismatch('image', 'uint8[bytes] or uint8[height, width, 3]', `uint8[${shape.join(', ')}]`)
}

function toTensors(pieces: readonly Piece[], { scaleX, scaleY }: Picture): Tensor[] {
  const lines = pieces.length
  const points = pieces.flatMap(({ box }) => corners(box).flatMap(({ x, y }) => [x * scaleX, y * scaleY]))
  return [
    { name: 'text', dtype: 'string', shape: [lines], data: encodeStrings(pieces.map(({ text }) => text)) },
    { name: 'confidence', dtype: 'float32', shape: [lines], data: floats(pieces.map(({ confidence }) => confidence)) },
    { name: 'boxes', dtype: 'float32', shape: [lines, 4, 2], data: floats(points) },
  ]
}

function floats(values: readonly number[]): Uint8Array {
  return new Uint8Array(Float32Array.from(values).buffer)
}
