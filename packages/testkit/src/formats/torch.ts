import { type ZipTestEntry, writeZip } from './zip.ts'

/** A tensor of a checkpoint under construction. */
export interface TorchTensor {
  readonly name: string
  readonly shape: readonly number[]
  /** Name of its storage class; `FloatStorage` when absent. */
  readonly storage?: string
  /** Key of its storage; its index when absent. Tensors may share one. */
  readonly key?: string
}

const elementBytes: Readonly<Record<string, number>> = {
  FloatStorage: 4,
  HalfStorage: 2,
  BFloat16Storage: 2,
  LongStorage: 8,
  ByteStorage: 1,
}
const sizeOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1)

const latin = (text: string): Buffer => Buffer.from(text, 'latin1')
const text = (value: string): Buffer => {
  const head = Buffer.alloc(5)
  head.write('X', 'latin1')
  head.writeUInt32LE(Buffer.byteLength(value), 1)
  return Buffer.concat([head, Buffer.from(value)])
}
const integer = (value: number): Buffer => {
  const bytes = Buffer.alloc(5)
  bytes.write('J', 'latin1')
  bytes.writeInt32LE(value, 1)
  return bytes
}
const tuple = (...items: readonly Uint8Array[]): Buffer => Buffer.concat([latin('('), ...items, latin('t')])
const orderedDict = latin('ccollections\nOrderedDict\n)R')

/** The pickle of a state dict, opcode for opcode as `torch.save` writes it with protocol 2, without its memo. */
export function stateDictPickle(tensors: readonly TorchTensor[]): Uint8Array {
  const items = tensors.flatMap(({ name, shape, storage = 'FloatStorage', key }, index) => {
    const id = tuple(text('storage'), latin(`ctorch\n${storage}\n`), text(key ?? String(index)), text('cpu'), integer(sizeOf(shape)))
    const strides = shape.map((_, axis) => integer(sizeOf(shape.slice(axis + 1))))
    const rebuild = tuple(id, latin('Q'), integer(0), tuple(...shape.map(integer)), tuple(...strides), latin('\x89'), orderedDict)
    return [text(name), latin('ctorch._utils\n_rebuild_tensor_v2\n'), rebuild, latin('R')]
  })
  return Buffer.concat([latin('\x80\x02'), orderedDict, latin('('), ...items, latin('u.')])
}

/** The bytes of the storages of tensors, by key. */
export function storagesOf(tensors: readonly TorchTensor[]): Map<string, Uint8Array> {
  return new Map(
    tensors.map(({ shape, storage = 'FloatStorage', key }, index) => [
      key ?? String(index),
      new Uint8Array(sizeOf(shape) * (elementBytes[storage] ?? 1)),
    ]),
  )
}

/** A checkpoint as PyTorch has written it since 1.6. */
export function writeTorch(
  tensors: readonly TorchTensor[],
  more: { readonly pickle?: Uint8Array; readonly entries?: readonly ZipTestEntry[] } = {},
): Uint8Array {
  const data = [...storagesOf(tensors)].map(([key, bytes]) => ({ name: `archive/data/${key}`, bytes }))
  return writeZip([
    { name: 'archive/data.pkl', bytes: more.pickle ?? stateDictPickle(tensors) },
    { name: 'archive/byteorder', bytes: 'little' },
    ...data,
    { name: 'archive/version', bytes: '3\n' },
    ...(more.entries ?? []),
  ])
}

/** A checkpoint as PyTorch wrote it before 1.6: five pickles, then the bytes of the storages. */
export function writeLegacyTorch(tensors: readonly TorchTensor[], pickle: Uint8Array = stateDictPickle(tensors)): Uint8Array {
  const magic = latin('\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.')
  const storages = [...storagesOf(tensors)].flatMap(([, bytes], index) => {
    const count = Buffer.alloc(8)
    count.writeBigInt64LE(BigInt(sizeOf(tensors[index]?.shape ?? [])))
    return [count, bytes]
  })
  return Buffer.concat([magic, latin('\x80\x02M\xe9\x03.'), latin('\x80\x02}.'), pickle, latin('\x80\x02].'), ...storages])
}
