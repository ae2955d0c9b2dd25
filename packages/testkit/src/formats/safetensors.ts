export interface SafetensorsModelTensor {
  readonly name: string
  readonly dtype: string
  readonly shape: readonly number[]
  readonly data: Uint8Array
}

export interface SafetensorsModel {
  readonly tensors: readonly SafetensorsModelTensor[]
  readonly metadata?: Readonly<Record<string, string>>
}

/** Writes a real safetensors file, its header padded to eight bytes as the reference implementation does. */
export function writeSafetensors({ tensors, metadata }: SafetensorsModel): Uint8Array {
  let offset = 0
  const entries = tensors.map(({ name, dtype, shape, data }) => {
    const begin = offset
    offset += data.byteLength
    return [name, { dtype, shape, data_offsets: [begin, offset] }] as const
  })
  const json = Object.fromEntries([...(metadata ? [['__metadata__', metadata] as const] : []), ...entries])
  return withHeader(JSON.stringify(json), Buffer.concat(tensors.map(({ data }) => data)))
}

function withHeader(json: string, data: Uint8Array): Uint8Array {
  const text = new TextEncoder().encode(json)
  const header = new Uint8Array(Math.ceil(text.byteLength / 8) * 8).fill(0x20)
  header.set(text)
  const length = new DataView(new ArrayBuffer(8))
  length.setBigUint64(0, BigInt(header.byteLength), true)
  return new Uint8Array(Buffer.concat([new Uint8Array(length.buffer), header, data]))
}
