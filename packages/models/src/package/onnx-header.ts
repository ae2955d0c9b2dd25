import { posix } from 'node:path'
import { SomaError } from '@soma/core'
import { PACKAGE_FILES_MAX, type Signature, type TensorSpec, checkPackagePath } from '@soma/spec'
import { ONNX_DEPTH_MAX, ONNX_PORTS_MAX, ONNX_RANK_MAX } from './limits.ts'
import { onnxDtype } from './onnx-types.ts'
import { type Field, ProtobufReader } from './protobuf-reader.ts'

/** What an ONNX file says of itself, without its weights. */
export interface OnnxHeader extends Signature {
  readonly irVersion: number
  readonly producer: string
  /** Domain → version; the standard operators' domain is the empty string. */
  readonly opsets: Readonly<Record<string, number>>
  /** Inputs and outputs that are no tensors of ours: name → what they are instead. */
  readonly unsupported: Readonly<Record<string, string>>
  /** Files with its weights, as paths inside the package. */
  readonly externalData: readonly string[]
}

/** From this version on, an input that has an initializer may be given, but need not be. Before, every initializer was listed as an input. */
const IR_WITH_OPTIONAL_INPUTS = 4

/**
 * Reads the header of an ONNX file, skipping the tensors' bytes: a 2 GB file takes milliseconds.
 * @param file where it is, and its path inside the package.
 * @throws {SomaError} `package/invalid-model` with the offset; `package/unsafe-path` when its weights lie outside the package.
 */
export async function readOnnxHeader(
  file: { readonly localPath: string; readonly path: string },
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<OnnxHeader> {
  await using reader = await ProtobufReader.open(file.localPath, { name: file.path, signal: options.signal })
  const scan = new OnnxScan(reader, file.path)
  await scan.model()
  return scan.header()
}

interface Port {
  readonly name: string
  readonly type: { readonly spec: Omit<TensorSpec, 'name'> } | { readonly unsupported: string }
}

/** Field numbers are those of `onnx.proto`. */
class OnnxScan {
  readonly #reader: ProtobufReader
  readonly #path: string
  readonly #initializers = new Set<string>()
  readonly #external = new Set<string>()
  readonly #opsets: Record<string, number> = {}
  readonly #inputs: Port[] = []
  readonly #outputs: Port[] = []
  #irVersion = 0
  #producer = ''
  #producerVersion = ''
  #graphs = 0

  constructor(reader: ProtobufReader, path: string) {
    this.#reader = reader
    this.#path = path
  }

  async model(): Promise<void> {
    await this.#reader.fields(this.#reader.sizeBytes, async (field) => {
      if (field.number === 1) this.#irVersion = field.value
      if (field.number === 2) this.#producer = await this.#reader.text(field)
      if (field.number === 3) this.#producerVersion = await this.#reader.text(field)
      if (field.number === 7) await this.#mainGraph(field)
      if (field.number === 8) await this.#opset(field)
      if (field.number === 20) await this.#training(field)
      if (field.number === 25) await this.#function(field)
    })
    if (this.#graphs === 0 || this.#irVersion <= 0) throw this.#reader.corrupt('it has no graph', this.#reader.sizeBytes)
  }

  header(): OnnxHeader {
    const unsupported: Record<string, string> = {}
    const tensors = (ports: readonly Port[]): TensorSpec[] =>
      ports.flatMap(({ name, type }) => {
        if ('spec' in type) return [{ name, ...type.spec }]
        unsupported[name] = type.unsupported
        return []
      })
    return {
      irVersion: this.#irVersion,
      producer: `${this.#producer} ${this.#producerVersion}`.trim(),
      opsets: this.#opsets,
      inputs: tensors(this.#freeInputs()),
      outputs: tensors(this.#outputs),
      unsupported,
      externalData: [...this.#external],
    }
  }

  #freeInputs(): Port[] {
    if (this.#irVersion < IR_WITH_OPTIONAL_INPUTS) return this.#inputs.filter(({ name }) => !this.#initializers.has(name))
    return this.#inputs.map(({ name, type }) =>
      'spec' in type && this.#initializers.has(name) ? { name, type: { spec: { ...type.spec, optional: true } } } : { name, type },
    )
  }

  async #mainGraph(field: Field): Promise<void> {
    if (this.#graphs++ > 0) throw this.#reader.corrupt('a second graph', field.offset)
    await this.#reader.message(field, async (part) => {
      if (part.number === 1) await this.#node(part, 0)
      if (part.number === 5) this.#initializers.add(await this.#tensor(part))
      if (part.number === 11) await this.#port(part, this.#inputs)
      if (part.number === 12) await this.#port(part, this.#outputs)
      if (part.number === 15) this.#initializers.add(await this.#sparseTensor(part))
    })
  }

  /** A graph inside: only where its weights are matters. */
  async #innerGraph(field: Field, depth: number): Promise<void> {
    if (depth > ONNX_DEPTH_MAX) throw this.#reader.corrupt(`graphs nested deeper than ${ONNX_DEPTH_MAX}`, field.offset)
    await this.#reader.message(field, async (part) => {
      if (part.number === 1) await this.#node(part, depth)
      if (part.number === 5) await this.#tensor(part)
      if (part.number === 15) await this.#sparseTensor(part)
    })
  }

  async #node(field: Field, depth: number): Promise<void> {
    await this.#reader.message(field, async (part) => {
      if (part.number === 5) await this.#attribute(part, depth)
    })
  }

  async #attribute(field: Field, depth: number): Promise<void> {
    await this.#reader.message(field, async (part) => {
      if (part.number === 5 || part.number === 10) await this.#tensor(part)
      if (part.number === 6 || part.number === 11) await this.#innerGraph(part, depth + 1)
      if (part.number === 22 || part.number === 23) await this.#sparseTensor(part)
    })
  }

  async #training(field: Field): Promise<void> {
    await this.#reader.message(field, async (part) => {
      if (part.number === 1 || part.number === 2) await this.#innerGraph(part, 1)
    })
  }

  async #function(field: Field): Promise<void> {
    await this.#reader.message(field, async (part) => {
      if (part.number === 7) await this.#node(part, 1)
    })
  }

  /** @returns its name. */
  async #tensor(field: Field): Promise<string> {
    let name = ''
    let external = false
    let location: string | undefined
    await this.#reader.message(field, async (part) => {
      if (part.number === 8) name = await this.#reader.text(part)
      if (part.number === 13) location = (await this.#location(part)) ?? location
      if (part.number === 14) external = part.value === 1
    })
    if (external) this.#addExternal(location, field.offset)
    return name
  }

  async #sparseTensor(field: Field): Promise<string> {
    let name = ''
    await this.#reader.message(field, async (part) => {
      if (part.number === 1) name = await this.#tensor(part)
      if (part.number === 2) await this.#tensor(part)
    })
    return name
  }

  async #location(field: Field): Promise<string | undefined> {
    let key = ''
    let value = ''
    await this.#reader.message(field, async (part) => {
      if (part.number === 1) key = await this.#reader.text(part)
      if (part.number === 2) value = await this.#reader.text(part)
    })
    return key === 'location' ? value : undefined
  }

  #addExternal(location: string | undefined, offset: number): void {
    if (location === undefined) throw this.#reader.corrupt('a tensor is elsewhere, but not said where', offset)
    this.#external.add(posix.join(posix.dirname(this.#path), checkPackagePath(location)))
    if (this.#external.size > PACKAGE_FILES_MAX) throw this.#reader.corrupt(`weights in more than ${PACKAGE_FILES_MAX} files`, offset)
  }

  async #opset(field: Field): Promise<void> {
    let domain = ''
    let version = 0
    await this.#reader.message(field, async (part) => {
      if (part.number === 1) domain = await this.#reader.text(part)
      if (part.number === 2) version = part.value
    })
    this.#opsets[domain] = version
  }

  async #port(field: Field, ports: Port[]): Promise<void> {
    let name = ''
    let type: Port['type'] = { unsupported: 'a value without a type' }
    await this.#reader.message(field, async (part) => {
      if (part.number === 1) name = await this.#reader.text(part)
      if (part.number === 2) type = await this.#type(part)
    })
    if (name.length > 512) throw this.#reader.corrupt('a name longer than 512 characters', field.offset)
    if (ports.push({ name, type }) > ONNX_PORTS_MAX)
      throw this.#reader.corrupt(`more than ${ONNX_PORTS_MAX} inputs or outputs`, field.offset)
  }

  async #type(field: Field): Promise<Port['type']> {
    let type: Port['type'] = { unsupported: 'a value without a type' }
    const others: Readonly<Record<number, string>> = { 4: 'sequence', 5: 'map', 7: 'opaque', 8: 'sparse tensor', 9: 'optional' }
    await this.#reader.message(field, async (part) => {
      const other = others[part.number]
      if (other !== undefined) type = { unsupported: other }
      if (part.number === 1) type = await this.#tensorType(part)
    })
    return type
  }

  async #tensorType(field: Field): Promise<Port['type']> {
    let elementType = 0
    let shape: number[] | null = null
    await this.#reader.message(field, async (part) => {
      if (part.number === 1) elementType = part.value
      if (part.number === 2) shape = await this.#shape(part)
    })
    const known = onnxDtype(elementType)
    return 'dtype' in known ? { spec: { dtype: known.dtype, shape } } : known
  }

  async #shape(field: Field): Promise<number[]> {
    const shape: number[] = []
    await this.#reader.message(field, async (part) => {
      if (part.number !== 1) return
      let size = -1
      await this.#reader.message(part, (dimension) => {
        if (dimension.number === 1) size = Number.isSafeInteger(dimension.value) ? Math.max(dimension.value, -1) : -1
      })
      if (shape.push(size) > ONNX_RANK_MAX) throw this.#reader.corrupt(`a shape of more than ${ONNX_RANK_MAX} dimensions`, field.offset)
    })
    return shape
  }
}

/** The header as the signature of a model; null when an input or output is no tensor of ours, so that only the engine knows. */
export function onnxSignature(header: OnnxHeader): Signature | null {
  const { inputs, outputs, unsupported } = header
  return Object.keys(unsupported).length === 0 ? { inputs, outputs } : null
}

/** Whether a path is that of an ONNX model, by its ending. */
export function isOnnxPath(path: string): boolean {
  return path.toLowerCase().endsWith('.onnx')
}

/** @throws {SomaError} `package/no-model` when a file with the model's weights is not in the package. */
export function checkExternalData(model: string, header: OnnxHeader, has: (path: string) => boolean): void {
  const missing = header.externalData.filter((path) => !has(path))
  if (missing.length > 0)
    throw new SomaError(
      'package/no-model',
      `${model} keeps its weights in ${missing.slice(0, 3).join(', ')}, which the package does not hold`,
      {
        details: { model, missing: missing.slice(0, 10) },
      },
    )
}
