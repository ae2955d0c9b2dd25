import { readFile } from 'node:fs/promises'
import { assert } from '@soma/core'
import { type Dtype, type ModelPackage, type PackageFile, type Signature, type Tensor, type TensorSpec, packageFile } from '@soma/spec'
import { loadFailed, messageOf, runFailed, unsupported } from './errors.ts'
import { WEIGHT_BYTES_MAX } from './limits.ts'
import {
  type LiteBuffer,
  type LiteCompiled,
  type LiteLoaded,
  type LiteModule,
  type LiteObject,
  type LiteType,
  type LiteVector,
  startLite,
} from './lite.ts'
import type { Settings } from './options.ts'
import type { TensorModel } from './run.ts'

/** Numbers of `litert::ElementType`. */
const dtypes: Readonly<Record<number, Dtype>> = {
  1: 'float32',
  2: 'int32',
  3: 'uint8',
  4: 'int64',
  6: 'bool',
  7: 'int16',
  9: 'int8',
  10: 'float16',
  11: 'float64',
  13: 'uint64',
  16: 'uint32',
  17: 'uint16',
  19: 'bfloat16',
}
/** `TFL3` stands at the fifth byte of every file. */
const MARK_AT = 4

/** @throws {SomaError} `model/load-failed`, `model/unsupported`. */
export async function loadLite(pkg: ModelPackage, settings: Settings): Promise<TensorModel> {
  const file = packageFile(pkg, 'model')
  const bytes = await readLite(file)
  const printed: string[] = []
  try {
    const lite = await startLite((text) => void printed.push(text))
    return await compile(lite, bytes, { settings, path: file.path })
  } catch (error) {
    throw asFailure(file, error, printed)
  }
}

async function readLite(file: PackageFile): Promise<Uint8Array> {
  if (file.sizeBytes > WEIGHT_BYTES_MAX) throw loadFailed(file.path, `it has ${file.sizeBytes} bytes, more than WebAssembly can hold`)
  const bytes = await readFile(file.localPath).catch((cause: unknown) => {
    throw loadFailed(file.path, messageOf(cause), cause)
  })
  if (bytes.toString('latin1', MARK_AT, MARK_AT + 4) !== 'TFL3') throw loadFailed(file.path, 'it is no TensorFlow Lite model')
  return bytes
}

/** What went wrong, the library prints rather than throws. */
function asFailure(file: PackageFile, error: unknown, printed: readonly string[]): Error {
  if (error instanceof Error && 'code' in error) return error
  // It also complains of accelerators that are not there.
  const said = printed.findLast((line) => line.startsWith('ERROR'))
  return loadFailed(file.path, `LiteRT cannot load it: ${(said ?? messageOf(error)).slice(0, 500)}`, error)
}

async function compile(
  lite: LiteModule,
  bytes: Uint8Array,
  { settings, path }: { readonly settings: Settings; readonly path: string },
): Promise<TensorModel> {
  const environment = lite.LiteRtEnvironment.create(null)
  const pointer = lite._malloc(bytes.byteLength)
  lite.HEAPU8.set(bytes, pointer)
  const loaded = lite.loadModel(environment, pointer, bytes.byteLength)
  const options = { environment, accelerator: 'wasm', cpuOptions: { numThreads: 1 }, gpuOptions: {}, webNNOptions: {} }
  const compiled = await lite.compileModel(environment, loaded, options)
  const chosen = chooseSignature(loaded, settings.signature, path)
  return new LiteModel(lite, { environment, loaded, compiled }, chosen)
}

interface Chosen {
  readonly index: number
  readonly signature: Signature
}

function chooseSignature(loaded: LiteLoaded, wanted: string | undefined, path: string): Chosen {
  const keys: string[] = []
  for (let index = 0; index < loaded.getNumSignatures(); index++) {
    const signature = loaded.getSignature(index)
    const key = signature.key()
    keys.push(key)
    if (wanted === undefined || wanted === key) {
      const inputs = listOf(signature.inputNames()).map((name, at) => specOf(name, loaded.getInputTensorType(index, at)))
      const outputs = listOf(signature.outputNames()).map((name, at) => specOf(name, loaded.getOutputTensorType(index, at)))
      signature.delete()
      return { index, signature: { inputs, outputs } }
    }
    signature.delete()
  }
  if (wanted === undefined) throw loadFailed(path, 'it has no signature to call')
  throw unsupported(`signature "${wanted}"`, `the model has ${keys.map((key) => `"${key}"`).join(', ')}`)
}

function listOf<Item>(vector: LiteVector<Item>): Item[] {
  const items = Array.from({ length: vector.size() }, (_, index) => vector.get(index))
  vector.delete()
  return items
}

function specOf(name: string, type: LiteType): TensorSpec {
  const { value } = type.elementType()
  const shape = shapeOf(type)
  type.delete()
  const dtype = dtypes[value]
  if (dtype === undefined) throw unsupported(`"${name}"`, `tensors of LiteRT’s type ${value} cannot be sent`)
  return { name, dtype, shape }
}

function shapeOf(type: LiteType): number[] {
  const layout = type.layout()
  const shape = listOf(layout.dimensions())
  layout.delete()
  return shape
}

interface Parts {
  readonly environment: LiteObject
  readonly loaded: LiteLoaded
  readonly compiled: LiteCompiled
}

class LiteModel implements TensorModel {
  readonly signature: Signature
  readonly #index: number
  #lite: LiteModule | undefined
  #parts: Parts | undefined

  constructor(lite: LiteModule, parts: Parts, { index, signature }: Chosen) {
    this.#lite = lite
    this.#parts = parts
    this.#index = index
    this.signature = signature
  }

  async run(inputs: readonly Tensor[], wanted: readonly string[]): Promise<readonly Tensor[]> {
    const [lite, parts] = [this.#lite, this.#parts]
    assert(lite !== undefined && parts !== undefined, 'the model is loaded')
    const buffers: LiteBuffer[] = []
    try {
      for (const [at, spec] of this.signature.inputs.entries()) {
        const tensor = inputs.find(({ name }) => name === spec.name)
        buffers.push(this.#fill(lite, parts, at, tensor?.data ?? new Uint8Array(0)))
      }
      const results = await parts.compiled.run(this.#index, buffers)
      buffers.push(...results)
      return wanted.map((name) => this.#read(lite, name, results))
    } catch (error) {
      throw runFailed('LiteRT', error)
    } finally {
      for (const buffer of buffers) buffer.delete()
    }
  }

  /** All that the model has is in the module's memory, which goes with it. */
  [Symbol.dispose](): void {
    this.#lite = undefined
    this.#parts = undefined
  }

  #fill(lite: LiteModule, { environment, loaded }: Parts, at: number, data: Uint8Array): LiteBuffer {
    const type = loaded.getInputTensorType(this.#index, at)
    const buffer = lite.LiteRtTensorBuffer.createManaged(environment, lite.LiteRtTensorBufferType.HOST_MEMORY, type, data.byteLength)
    type.delete()
    const pointer = buffer.lock(lite.LiteRtTensorBufferLockMode.WRITE)
    lite.HEAPU8.set(data, pointer)
    buffer.unlock()
    return buffer
  }

  #read(lite: LiteModule, name: string, results: readonly LiteBuffer[]): Tensor {
    const at = this.signature.outputs.findIndex((spec) => spec.name === name)
    const [spec, buffer] = [this.signature.outputs[at], results[at]]
    assert(spec !== undefined && buffer !== undefined, 'outputs are checked against the signature')
    const type = buffer.tensorType()
    const [shape, sizeBytes] = [shapeOf(type), type.bytes()]
    type.delete()
    const pointer = buffer.lock(lite.LiteRtTensorBufferLockMode.READ)
    const data = lite.HEAPU8.slice(pointer, pointer + sizeBytes)
    buffer.unlock()
    return { name, dtype: spec.dtype, shape, data }
  }
}
