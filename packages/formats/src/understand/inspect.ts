import { posix } from 'node:path'
import { ggufMemory } from '../gguf/memory.ts'
import { type GgufHeader, readGgufHeader } from '../gguf/gguf-header.ts'
import { ggufSplitPaths } from '../gguf/split.ts'
import { isHdf5, readKeras } from '../keras/keras.ts'
import { onnxSignature, readOnnxHeader } from '../onnx/onnx-header.ts'
import { checkOnnxExternalData } from '../onnx/external-data.ts'
import type { ByteReader } from '../reader.ts'
import { readSafetensorsHeader } from '../safetensors/safetensors-header.ts'
import { readSavedModel, servingSignature } from '../saved-model/saved-model.ts'
import { checkTfjsWeights, readTfjs } from '../tfjs/tfjs.ts'
import { readTflite } from '../tflite/tflite.ts'
import { inspectPickleFile } from '../torch/pickle-file.ts'
import { isZip } from '../zip/read-zip.ts'
import type { FileKind } from './kinds.ts'
import type { FileFacts } from './types.ts'

export interface InspectOptions {
  readonly allowUnsafe: boolean
  /** Size of a file of the package; undefined when there is none. */
  readonly sizeOf: (path: string) => number | undefined
  readonly paths: () => Iterable<string>
}

/** Reads the header of a file, or its opcodes. Undefined when it turns out to be no model at all. */
type Inspect = (reader: ByteReader, options: InspectOptions) => Promise<FileFacts | undefined>

const inspectors: Readonly<Record<FileKind, Inspect>> = {
  gguf,
  safetensors,
  onnx,
  pickle,
  bytes: (reader, options) => pickle(reader, options, true),
  tflite,
  tfjs,
  keras,
  'saved-model': savedModel,
  hdf5: async (reader, options) => ((await isHdf5(reader)) ? plain('keras', { framework: 'keras' }) : pickle(reader, options)),
  openvino: async (reader) => plain('openvino', { companions: [`${reader.name.slice(0, -'.xml'.length)}.bin`] }),
  coreml: async (reader, options) => plain('coreml', { companions: below(posix.dirname(reader.name), options, /./) }),
  tensorrt: async () =>
    plain('tensorrt', { warnings: ['runs only on the kind of GPU and the version of TensorRT that it was built with'] }),
  paddle: async (reader, { sizeOf }) => {
    const weights = reader.name.replace(/\.pdmodel$/i, '.pdiparams')
    return plain('paddle', { framework: 'paddlepaddle', companions: sizeOf(weights) === undefined ? [] : [weights] })
  },
}

/**
 * Reads what a file says of itself, and checks it against its own size and the files it names.
 * @throws {SomaError} `package/invalid-model`, `package/unsafe-pickle`, `package/unsafe-path`, `package/no-model` for files that it lacks.
 */
export function inspectFile(kind: FileKind, reader: ByteReader, options: InspectOptions): Promise<FileFacts | undefined> {
  return inspectors[kind](reader, options)
}

function plain(format: string, more: Partial<FileFacts>): FileFacts {
  return { format, parameters: null, bytesByType: new Map(), ...more }
}

async function gguf(reader: ByteReader): Promise<FileFacts> {
  const header = await readGgufHeader(reader)
  const {
    parameters,
    typeHistogram: bytesByType,
    architecture,
    quantisation,
    contextLength,
    tokenizerModel,
    chatTemplate,
    licence,
  } = header
  return {
    format: 'gguf',
    framework: 'llama.cpp',
    parameters,
    bytesByType,
    architecture,
    quantisation,
    contextLength,
    tokenizer: tokenizerModel,
    chatTemplate,
    licence,
    task: ggufTask(header),
    part: ggufPart(header, reader.name),
    companions: ggufSplitPaths(reader.name),
    cacheBytes: (length) => ggufMemory(header, length)?.cacheBytes ?? null,
  }
}

/** llama.cpp's numbers for `pooling_type`: 0 is none, 4 a score instead of a vector. */
const POOLING_RANK = 4
const EMBEDDING_ARCHITECTURES = /bert|^t5encoder$|embed/

function ggufTask({ architecture, metadata }: GgufHeader): string | null {
  if (architecture === null) return null
  const pooling = metadata.get(`${architecture}.pooling_type`)
  if (pooling === POOLING_RANK) return 'text-ranking'
  // Others pool the vectors of their tokens into one: what that is good for is being compared.
  if (EMBEDDING_ARCHITECTURES.test(architecture) || (typeof pooling === 'number' && pooling > 0)) return 'feature-extraction'
  if (architecture === 'whisper') return 'automatic-speech-recognition'
  // Only models of text have a vocabulary.
  return metadata.has('tokenizer.ggml.model') && architecture !== 'clip' ? 'text-generation' : null
}

function ggufPart({ architecture, metadata }: GgufHeader, path: string): string | null {
  const type = metadata.get('general.type')
  if (architecture === 'clip' || type === 'mmproj' || /(^|[-_./])mmproj([-_.]|$)/i.test(path)) return 'projector'
  if (type === 'adapter') return 'adapter'
  return type === 'imatrix' ? 'matrix' : null
}

async function safetensors(reader: ByteReader): Promise<FileFacts> {
  const header = await readSafetensorsHeader(reader)
  const { parameters, typeHistogram, metadata } = header
  const frameworks: Readonly<Record<string, string>> = { pt: 'pytorch', tf: 'tensorflow', flax: 'jax', np: 'numpy', mlx: 'mlx' }
  return {
    format: 'safetensors',
    header,
    parameters,
    bytesByType: typeHistogram,
    framework: frameworks[metadata.get('format') ?? ''] ?? null,
    part: /(^|\/)adapter_model[^/]*$/.test(reader.name) ? 'adapter' : null,
  }
}

async function onnx(reader: ByteReader, { sizeOf }: InspectOptions): Promise<FileFacts> {
  const header = await readOnnxHeader(reader)
  checkOnnxExternalData(reader.name, header, sizeOf)
  const { parameters, typeHistogram, opsets, externalData, producer } = header
  return {
    format: 'onnx',
    parameters,
    bytesByType: typeHistogram,
    opsets,
    framework: producerFramework(producer),
    signature: onnxSignature(header),
    companions: [...externalData.keys()],
    quantisation: quantisedOnnx(typeHistogram),
  }
}

function producerFramework(producer: string): string | null {
  return /^(pytorch|tf2onnx|skl2onnx|keras2onnx|paddle2onnx|onnx\.quantize)/i.exec(producer)?.[1]?.toLowerCase() ?? null
}

/** Weights mostly of eight bits were quantised to them; biases and scales stay wider. */
function quantisedOnnx(bytes: ReadonlyMap<string, number>): string | null {
  const total = bytes.values().reduce((sum, size) => sum + size, 0)
  const small = [...bytes].filter(([type]) => /^u?int8$/i.test(type) || /^[iu]8$/i.test(type))
  return small.reduce((sum, [, size]) => sum + size, 0) > total / 2 ? 'int8' : null
}

async function pickle(reader: ByteReader, { allowUnsafe }: InspectOptions, permissive?: boolean): Promise<FileFacts | undefined> {
  const { kind, parameters, dtypes, findings } = await inspectPickleFile(reader, { allowUnsafe, ...(permissive && { permissive }) })
  if (kind === 'raw') return undefined
  if (kind === 'numpy' || kind === 'archive') return plain(kind, { findings })
  const format = kind === 'exported-program' ? 'pytorch' : kind
  const framework = kind === 'pickle' ? 'python' : 'pytorch'
  const part = /(^|\/)adapter_model[^/]*$/.test(reader.name) ? 'adapter' : null
  return { format, parameters, bytesByType: dtypes, findings, framework, part }
}

async function savedModel(reader: ByteReader, options: InspectOptions): Promise<FileFacts> {
  const header = await readSavedModel(reader)
  const folder = posix.dirname(reader.name)
  const reaches = [...header.outsideOperations]
  return plain('saved-model', {
    framework: 'tensorflow',
    signature: servingSignature(header),
    companions: below(folder, options, /(^|\/)(variables|assets|assets\.extra)\/|(^|\/)(fingerprint|keras_metadata)\.pb$/),
    warnings: reaches.length > 0 ? [`holds operations that reach outside the model: ${reaches.join(', ')}`] : [],
  })
}

async function tflite(reader: ByteReader): Promise<FileFacts> {
  const { signature, parameters, typeHistogram } = await readTflite(reader)
  return { format: 'tflite', framework: 'tensorflow', signature, parameters, bytesByType: typeHistogram }
}

async function tfjs(reader: ByteReader, { sizeOf }: InspectOptions): Promise<FileFacts | undefined> {
  const header = await readTfjs(reader)
  if (!header) return undefined
  checkTfjsWeights(reader.name, header, sizeOf)
  const { signature, parameters, typeHistogram, weights } = header
  return { format: 'tfjs', framework: 'tensorflow', signature, parameters, bytesByType: typeHistogram, companions: [...weights.keys()] }
}

async function keras(reader: ByteReader, options: InspectOptions): Promise<FileFacts | undefined> {
  if (!(await isZip(reader))) return inspectors.hdf5(reader, options)
  const { className, hasLambda } = await readKeras(reader)
  const warnings = hasLambda ? ['has Lambda layers: Python code, which runs when the model is loaded without safe_mode'] : []
  return plain('keras', { framework: 'keras', architecture: className, warnings })
}

/** Files of the package in a folder or under it whose path from there fits. */
function below(folder: string, { paths }: InspectOptions, pattern: RegExp): string[] {
  const prefix = folder === '.' ? '' : `${folder}/`
  return [...paths()].filter((path) => path.startsWith(prefix) && pattern.test(path.slice(prefix.length)))
}
