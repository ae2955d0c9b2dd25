/** A protobuf message under construction: fields in the order in which they are added. */
export class Message {
  readonly #parts: Uint8Array[] = []

  /** An integer or enum; negative ones take ten bytes, as protobuf says. */
  varint(field: number, value: number | bigint): this {
    return this.#add(varintBytes(tag(field, 0)), varintBytes(BigInt.asUintN(64, BigInt(value))))
  }

  float(field: number, value: number): this {
    return this.#add(varintBytes(tag(field, 5)), new Uint8Array(Float32Array.of(value).buffer))
  }

  bytes(field: number, value: Uint8Array | string): this {
    const bytes = typeof value === 'string' ? new TextEncoder().encode(value) : value
    return this.#add(varintBytes(tag(field, 2)), varintBytes(BigInt(bytes.byteLength)), bytes)
  }

  message(field: number, value: Message): this {
    return this.bytes(field, value.encode())
  }

  each<Item>(items: readonly Item[], add: (message: this, item: Item) => unknown): this {
    for (const item of items) add(this, item)
    return this
  }

  encode(): Uint8Array {
    return new Uint8Array(Buffer.concat(this.#parts))
  }

  #add(...parts: Uint8Array[]): this {
    this.#parts.push(...parts)
    return this
  }
}

function tag(field: number, wireType: number): bigint {
  return BigInt(field * 8 + wireType)
}

function varintBytes(value: bigint): Uint8Array {
  const bytes: number[] = []
  let rest = value
  do {
    bytes.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0))
    rest >>= 7n
  } while (rest > 0n)
  return Uint8Array.from(bytes)
}
