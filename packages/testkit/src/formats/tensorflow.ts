import { Message } from '../onnx/protobuf.ts'

/** An input or output: TensorFlow's number of its dtype (1 is float32), and its shape; null where the rank is free. */
export interface SavedModelPort {
  readonly name: string
  readonly type: number
  readonly shape: readonly number[] | null
}

export interface SavedModelParts {
  readonly tags?: readonly string[]
  readonly signatures?: Readonly<
    Record<string, { readonly inputs: readonly SavedModelPort[]; readonly outputs: readonly SavedModelPort[] }>
  >
  /** Names of the graph's operations. */
  readonly operations?: readonly string[]
}

/** `saved_model.pb`, with one graph. */
export function writeSavedModel({ tags = ['serve'], signatures = {}, operations = [] }: SavedModelParts): Uint8Array {
  const info = new Message().each(tags, (message, tag) => message.bytes(4, tag)).bytes(5, '2.15.0')
  const graph = new Message().each(operations, (message, operation) =>
    message.message(1, new Message().bytes(1, `node_${operation}`).bytes(2, operation)),
  )
  const meta = new Message()
    .message(1, info)
    .message(2, graph)
    .each(Object.entries(signatures), (message, [name, { inputs, outputs }]) => {
      const signature = new Message()
        .each(inputs, (inner, port) => inner.message(1, portOf(port)))
        .each(outputs, (inner, port) => inner.message(2, portOf(port)))
        .bytes(3, 'tensorflow/serving/predict')
      return message.message(5, new Message().bytes(1, name).message(2, signature))
    })
  return new Message().varint(1, 1).message(2, meta).encode()
}

function portOf({ name, type, shape }: SavedModelPort): Message {
  const dimensions = new Message().each(shape ?? [], (message, size) => message.message(2, new Message().varint(1, size)))
  if (shape === null) dimensions.varint(3, 1)
  return new Message().bytes(1, name).message(2, new Message().bytes(1, `${name}:0`).varint(2, type).message(3, dimensions))
}

/** A tensor of a TensorFlow Lite model: number of its type (0 is float32), and bytes of its values when they are in the file. */
export interface TfliteTensor {
  readonly name: string
  readonly type: number
  readonly shape: readonly number[]
  readonly values?: Uint8Array
}

type Field = { readonly u32: number } | { readonly u8: number } | { readonly ref: (flat: Flat) => number } | null

/** FlatBuffers from front to back: what is referred to is written behind, so that offsets are known by then. */
class Flat {
  readonly parts: Buffer[] = []
  length = 0

  add(bytes: Buffer): number {
    const at = this.length
    this.parts.push(bytes)
    this.length += bytes.byteLength
    return at
  }

  align(): void {
    this.add(Buffer.alloc((4 - (this.length % 4)) % 4))
  }

  vector(count: number, bytes: Buffer): number {
    this.align()
    const head = Buffer.alloc(4)
    head.writeUInt32LE(count)
    const at = this.add(Buffer.concat([head, bytes]))
    this.align()
    return at
  }

  refs(make: ReadonlyArray<(flat: Flat) => number>): number {
    this.align()
    const vector = Buffer.alloc(4 + 4 * make.length)
    vector.writeUInt32LE(make.length)
    const at = this.add(vector)
    for (const [index, one] of make.entries()) {
      const slot = 4 + 4 * index
      vector.writeUInt32LE(one(this) - (at + slot), slot)
    }
    return at
  }

  table(fields: readonly Field[]): number {
    this.align()
    const vtable = Buffer.alloc(4 + 2 * fields.length)
    vtable.writeUInt16LE(vtable.byteLength, 0)
    vtable.writeUInt16LE(4 + 4 * fields.length, 2)
    const body = Buffer.alloc(4 + 4 * fields.length)
    const vtableAt = this.add(vtable)
    this.align()
    const at = this.add(body)
    body.writeInt32LE(at - vtableAt, 0)
    for (const [index, field] of fields.entries()) {
      if (field === null) continue
      const slot = 4 + 4 * index
      vtable.writeUInt16LE(slot, 4 + 2 * index)
      if ('u32' in field) body.writeUInt32LE(field.u32, slot)
      if ('u8' in field) body.writeUInt8(field.u8, slot)
      if ('ref' in field) body.writeUInt32LE(field.ref(this) - (at + slot), slot)
    }
    return at
  }
}

const integers = (values: readonly number[]): Field => ({
  ref: (flat) => flat.vector(values.length, Buffer.from(Int32Array.from(values).buffer)),
})
const textField = (value: string): Field => ({ ref: (flat) => flat.vector(Buffer.byteLength(value), Buffer.from(`${value}\0`)) })
const tables = (rows: ReadonlyArray<readonly Field[]>): Field => ({
  ref: (flat) => flat.refs(rows.map((row) => (inner) => inner.table(row))),
})

/** An operator without settings: number of its kind (0 adds, 18 multiplies, 53 casts), and of the tensors that it takes and gives. */
export interface TfliteOperator {
  readonly kind: number
  readonly inputs: readonly number[]
  readonly outputs: readonly number[]
}

/** A TensorFlow Lite model with one graph. */
export function writeTflite(
  tensors: readonly TfliteTensor[],
  ports: { readonly inputs: readonly number[]; readonly outputs: readonly number[]; readonly operators?: readonly TfliteOperator[] },
): Uint8Array {
  const rows = tensors.map(({ name, type, shape }, index): Field[] => [integers(shape), { u8: type }, { u32: index + 1 }, textField(name)])
  const { operators = [] } = ports
  const steps = operators.map(({ inputs, outputs }, index): Field[] => [{ u32: index }, integers(inputs), integers(outputs)])
  // Of every kind there is the first version, so that one table of kinds for each operator does.
  const kinds = operators.map(({ kind }): Field[] => [{ u8: kind }, null, { u32: 1 }, { u32: kind }])
  const graph: Field[] = [
    tables(rows),
    integers(ports.inputs),
    integers(ports.outputs),
    operators.length > 0 ? tables(steps) : null,
    textField('main'),
  ]
  const buffers: Field[][] = [
    [null],
    ...tensors.map(({ values }): Field[] => [values ? { ref: (flat) => flat.vector(values.byteLength, Buffer.from(values)) } : null]),
  ]
  const flat = new Flat()
  const head = Buffer.alloc(8)
  head.write('TFL3', 4, 'latin1')
  flat.add(head)
  head.writeUInt32LE(
    flat.table([{ u32: 3 }, kinds.length > 0 ? tables(kinds) : null, tables([graph]), textField('made for a test'), tables(buffers)]),
    0,
  )
  return Buffer.concat(flat.parts)
}
