import type { Signature, TensorSpec } from '@soma/spec'
import { PACKAGE_FILES_MAX } from '@soma/spec'
import { type Field, ProtobufReader } from '../protobuf/protobuf-reader.ts'
import type { ByteReader } from '../reader.ts'
import { type OnnxExternalFile, externalPath } from './external-data.ts'
import { ONNX_DEPTH_MAX, ONNX_ENTRIES_MAX } from './limits.ts'
import { type OnnxPort, scanPort } from './port-scan.ts'
import { type OnnxExternalRange, type OnnxTensorInfo, scanEntry, scanTensor } from './tensor-scan.ts'

/** What an ONNX file says of itself, without its weights. */
export interface OnnxHeader extends Signature {
  readonly irVersion: number
  readonly producer: string
  /** Domain → version; the standard operators' domain is the empty string. */
  readonly opsets: Readonly<Record<string, number>>
  /** Inputs and outputs that are no tensors of ours: name → what they are instead. */
  readonly unsupported: Readonly<Record<string, string>>
  /** Elements of all initializers, those of inner graphs included. */
  readonly parameters: number
  /** Bytes of the initializers, by element type; an initializer whose bytes its type does not say counts as none. */
  readonly typeHistogram: ReadonlyMap<string, number>
  readonly metadata: ReadonlyMap<string, string>
  /** Files with its weights: path inside the package → what it must hold. */
  readonly externalData: ReadonlyMap<string, OnnxExternalFile>
}

/** From this version on, an input that has an initializer may be given, but need not be. Before, every initializer was listed as an input. */
const IR_WITH_OPTIONAL_INPUTS = 4

/**
 * Reads the header of an ONNX file, skipping the tensors' bytes: a 2 GB file takes milliseconds.
 * @param reader whose name is the file's path inside the package.
 * @throws {SomaError} `package/invalid-model` with the offset; `package/unsafe-path` when its weights lie outside the package.
 * @see https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
 */
export async function readOnnxHeader(reader: ByteReader): Promise<OnnxHeader> {
  const scan = new OnnxScan(reader)
  await scan.model()
  return scan.header()
}

/** Field numbers are those of `onnx.proto`. */
class OnnxScan {
  readonly #reader: ProtobufReader
  readonly #path: string
  readonly #initializers = new Set<string>()
  readonly #external = new Map<string, OnnxExternalFile>()
  readonly #opsets = new Map<string, number>()
  readonly #bytesByType = new Map<string, number>()
  readonly #metadata = new Map<string, string>()
  readonly #inputs: OnnxPort[] = []
  readonly #outputs: OnnxPort[] = []
  #parameters = 0
  #irVersion = 0
  #producer = ''
  #producerVersion = ''
  #graphs = 0

  constructor(reader: ByteReader) {
    this.#reader = new ProtobufReader(reader)
    this.#path = reader.name
  }

  async model(): Promise<void> {
    await this.#reader.fields(this.#reader.sizeBytes, async (field) => {
      if (field.number === 1) this.#irVersion = field.value
      if (field.number === 2) this.#producer = await this.#reader.text(field)
      if (field.number === 3) this.#producerVersion = await this.#reader.text(field)
      if (field.number === 7) await this.#mainGraph(field)
      if (field.number === 8) await this.#opset(field)
      if (field.number === 14) await this.#entry(field)
      if (field.number === 20) await this.#training(field)
      if (field.number === 25) await this.#function(field)
    })
    if (this.#graphs === 0 || this.#irVersion <= 0) throw this.#reader.invalid('an ONNX graph', 'none', this.#reader.sizeBytes)
  }

  header(): OnnxHeader {
    const unsupported = new Map<string, string>()
    const tensors = (ports: readonly OnnxPort[]): TensorSpec[] =>
      ports.flatMap(({ name, type }) => {
        if ('spec' in type) return [{ name, ...type.spec }]
        unsupported.set(name, type.unsupported)
        return []
      })
    return {
      irVersion: this.#irVersion,
      producer: `${this.#producer} ${this.#producerVersion}`.trim(),
      // Not by assignment: a domain or an input may be called __proto__.
      opsets: Object.fromEntries(this.#opsets),
      inputs: tensors(this.#freeInputs()),
      outputs: tensors(this.#outputs),
      unsupported: Object.fromEntries(unsupported),
      parameters: this.#parameters,
      typeHistogram: this.#bytesByType,
      metadata: this.#metadata,
      externalData: this.#external,
    }
  }

  #freeInputs(): OnnxPort[] {
    if (this.#irVersion < IR_WITH_OPTIONAL_INPUTS) return this.#inputs.filter(({ name }) => !this.#initializers.has(name))
    return this.#inputs.map(({ name, type }) =>
      'spec' in type && this.#initializers.has(name) ? { name, type: { spec: { ...type.spec, optional: true } } } : { name, type },
    )
  }

  async #mainGraph(field: Field): Promise<void> {
    if (this.#graphs++ > 0) throw this.#reader.invalid('one graph', 'a second one', field.offset)
    await this.#reader.message(field, async (part) => {
      if (part.number === 1) await this.#node(part, 0)
      if (part.number === 5) this.#initializers.add(await this.#initializer(part))
      if (part.number === 11) await scanPort(this.#reader, part, this.#inputs)
      if (part.number === 12) await scanPort(this.#reader, part, this.#outputs)
      if (part.number === 15) this.#initializers.add(await this.#sparseInitializer(part))
    })
  }

  /** A graph inside: only its weights matter. */
  async #innerGraph(field: Field, depth: number): Promise<void> {
    if (depth > ONNX_DEPTH_MAX) throw this.#reader.invalid(`at most ${ONNX_DEPTH_MAX} graphs inside each other`, 'more', field.offset)
    await this.#reader.message(field, async (part) => {
      if (part.number === 1) await this.#node(part, depth)
      if (part.number === 5) await this.#initializer(part)
      if (part.number === 15) await this.#sparseInitializer(part)
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

  /** A tensor that is an initializer. @returns its name. */
  async #initializer(field: Field): Promise<string> {
    return this.#count(await this.#tensor(field), field)
  }

  /** A sparse tensor that is an initializer. @returns the name of its values. */
  async #sparseInitializer(field: Field): Promise<string> {
    const values = await this.#sparseTensor(field)
    return values ? this.#count(values, field) : ''
  }

  #count({ name, dtype, elements, sizeBytes }: OnnxTensorInfo, field: Field): string {
    this.#parameters += elements
    if (!Number.isSafeInteger(this.#parameters)) throw this.#reader.invalid('a countable number of weights', 'more', field.offset)
    this.#bytesByType.set(dtype, (this.#bytesByType.get(dtype) ?? 0) + (sizeBytes ?? 0))
    return name
  }

  async #tensor(field: Field): Promise<OnnxTensorInfo> {
    const tensor = await scanTensor(this.#reader, field)
    if (tensor.external) this.#addExternal(tensor.name, tensor.external, field.offset)
    return tensor
  }

  /** @returns its values. */
  async #sparseTensor(field: Field): Promise<OnnxTensorInfo | undefined> {
    let values: OnnxTensorInfo | undefined
    await this.#reader.message(field, async (part) => {
      if (part.number === 1) values = await this.#tensor(part)
      if (part.number === 2) await this.#tensor(part)
    })
    return values
  }

  #addExternal(tensor: string, { location, end }: OnnxExternalRange, offset: number): void {
    const path = externalPath(this.#path, location)
    const before = this.#external.get(path)
    if (!before || end > before.endBytes) this.#external.set(path, { endBytes: end, tensor })
    if (this.#external.size > PACKAGE_FILES_MAX) throw this.#reader.invalid(`weights in at most ${PACKAGE_FILES_MAX} files`, 'more', offset)
  }

  async #opset(field: Field): Promise<void> {
    let domain = ''
    let version = 0
    await this.#reader.message(field, async (part) => {
      if (part.number === 1) domain = await this.#reader.text(part)
      if (part.number === 2) version = part.value
    })
    if (version < 0) throw this.#reader.invalid('the version of an operator set', version, field.offset)
    this.#opsets.set(domain, version)
    this.#checkEntries(this.#opsets, field)
  }

  async #entry(field: Field): Promise<void> {
    await scanEntry(this.#reader, field, this.#metadata)
    this.#checkEntries(this.#metadata, field)
  }

  #checkEntries({ size }: ReadonlyMap<string, unknown>, field: Field): void {
    if (size > ONNX_ENTRIES_MAX) throw this.#reader.invalid(`at most ${ONNX_ENTRIES_MAX} of field ${field.number}`, 'more', field.offset)
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
