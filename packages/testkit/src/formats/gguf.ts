/** A metadata value with its type, as GGUF writes it. */
export type GgufModelValue =
  | { readonly type: 'uint8' | 'int8' | 'uint16' | 'int16' | 'uint32' | 'int32' | 'float32' | 'float64'; readonly value: number }
  | { readonly type: 'uint64' | 'int64'; readonly value: bigint }
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'array'; readonly of: GgufModelValue['type']; readonly value: readonly GgufModelValue[] }

export interface GgufModelTensor {
  readonly name: string
  /** ggml's order: the dimension that lies together comes first. */
  readonly shape: readonly number[]
  /** Number of the ggml type. */
  readonly type: number
  readonly data: Uint8Array
}

export interface GgufModel {
  readonly metadata: ReadonlyArray<readonly [string, GgufModelValue]>
  readonly tensors: readonly GgufModelTensor[]
  /** 3 unless given; 1 has four-byte lengths. */
  readonly version?: 1 | 2 | 3
  readonly littleEndian?: boolean
  /** 32 unless given; is not written into the metadata by itself. */
  readonly alignment?: number
}

const typeNumbers: Readonly<Record<GgufModelValue['type'], number>> = {
  uint8: 0,
  int8: 1,
  uint16: 2,
  int16: 3,
  uint32: 4,
  int32: 5,
  float32: 6,
  bool: 7,
  string: 8,
  array: 9,
  uint64: 10,
  int64: 11,
  float64: 12,
}

/** A tensor whose data is written elsewhere, piece by piece. */
export type GgufTensorPlan = Omit<GgufModelTensor, 'data'> & { readonly sizeBytes: number }

/** Writes a real GGUF file. @see https://github.com/ggml-org/ggml/blob/master/docs/gguf.md */
export function writeGguf(model: GgufModel): Uint8Array {
  const { tensors, alignment = 32 } = model
  const out = writeHead({ ...model, tensors: tensors.map((tensor) => ({ ...tensor, sizeBytes: tensor.data.byteLength })) })
  for (const { data } of tensors) out.pad(alignment).raw(data)
  return out.bytes()
}

/**
 * All that lies before the data of the tensors, for files that are too large to be held in memory.
 * The data follows in the order of the tensors, each filled up with zeros to the alignment.
 */
export function writeGgufHead(model: GgufPlan): Uint8Array {
  return writeHead(model)
    .pad(model.alignment ?? 32)
    .bytes()
}

export type GgufPlan = Omit<GgufModel, 'tensors'> & { readonly tensors: readonly GgufTensorPlan[] }

function writeHead({ metadata, tensors, version = 3, littleEndian = true, alignment = 32 }: GgufPlan): Output {
  const out = new Output(littleEndian, version === 1 ? 4 : 8)
  // The letters stay in this order, whatever the endianness.
  out.raw(new TextEncoder().encode('GGUF')).uint32(version).length(tensors.length).length(metadata.length)
  for (const [key, value] of metadata) {
    out.text(key).uint32(typeNumbers[value.type])
    writeValue(out, value)
  }
  let offset = 0
  for (const { name, shape, type, sizeBytes } of tensors) {
    out.text(name).uint32(shape.length)
    for (const size of shape) out.length(size)
    out.uint32(type).uint64(BigInt(offset))
    offset += Math.ceil(sizeBytes / alignment) * alignment
  }
  return out
}

function writeValue(out: Output, value: GgufModelValue): void {
  if (value.type === 'string') out.text(value.value)
  else if (value.type === 'array') {
    out.uint32(typeNumbers[value.of]).length(value.value.length)
    for (const item of value.value) writeValue(out, item)
  } else out.scalar(value)
}

type Scalar = Exclude<GgufModelValue, { readonly type: 'string' | 'array' }>

const scalarBytes: Readonly<Record<Scalar['type'], number>> = {
  uint8: 1,
  int8: 1,
  bool: 1,
  uint16: 2,
  int16: 2,
  uint32: 4,
  int32: 4,
  float32: 4,
  uint64: 8,
  int64: 8,
  float64: 8,
}

/** Bytes under construction. */
class Output {
  readonly #parts: Uint8Array[] = []
  readonly #littleEndian: boolean
  readonly #lengthBytes: number
  #size = 0

  constructor(littleEndian: boolean, lengthBytes: number) {
    this.#littleEndian = littleEndian
    this.#lengthBytes = lengthBytes
  }

  raw(bytes: Uint8Array): this {
    this.#parts.push(bytes)
    this.#size += bytes.byteLength
    return this
  }

  uint32(value: number): this {
    return this.scalar({ type: 'uint32', value })
  }

  uint64(value: bigint): this {
    return this.scalar({ type: 'uint64', value })
  }

  length(value: number): this {
    return this.#lengthBytes === 4 ? this.uint32(value) : this.uint64(BigInt(value))
  }

  text(value: string): this {
    const bytes = new TextEncoder().encode(value)
    return this.length(bytes.byteLength).raw(bytes)
  }

  scalar(scalar: Scalar): this {
    const view = new DataView(new ArrayBuffer(scalarBytes[scalar.type]))
    setScalar(view, scalar, this.#littleEndian)
    return this.raw(new Uint8Array(view.buffer))
  }

  pad(alignment: number): this {
    return this.raw(new Uint8Array((alignment - (this.#size % alignment)) % alignment))
  }

  bytes(): Uint8Array {
    return new Uint8Array(Buffer.concat(this.#parts))
  }
}

function setScalar(view: DataView, { type, value }: Scalar, littleEndian: boolean): void {
  if (typeof value === 'bigint') {
    if (type === 'uint64') view.setBigUint64(0, value, littleEndian)
    else view.setBigInt64(0, value, littleEndian)
  } else if (type === 'float32') view.setFloat32(0, value, littleEndian)
  else if (type === 'float64') view.setFloat64(0, value, littleEndian)
  else if (view.byteLength === 1) view.setUint8(0, Number(value))
  else if (view.byteLength === 2) view.setUint16(0, Number(value), littleEndian)
  // Negative numbers wrap around to their two's complement.
  else view.setUint32(0, Number(value), littleEndian)
}
