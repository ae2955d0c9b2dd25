import { crc32, deflateRawSync } from 'node:zlib'

/** One entry of an archive under construction, and the lies it tells. */
export interface ZipTestEntry {
  readonly name: string
  readonly bytes: Uint8Array | string
  readonly deflate?: boolean
  /** Said instead of the real ones. */
  readonly sizeBytes?: number
  readonly localName?: string
  readonly flags?: number
  readonly method?: number
  readonly offset?: number
}

export interface ZipTestOptions {
  /** Sizes and offsets are written in 64 bits. */
  readonly large?: boolean
  readonly comment?: string
  /** Entries that the end record says there are. */
  readonly entries?: number
}

/** A zip archive as PyTorch, numpy and Keras write them, or one that lies. */
export function writeZip(entries: readonly ZipTestEntry[], options: ZipTestOptions = {}): Uint8Array {
  const locals: Buffer[] = []
  const centrals: Buffer[] = []
  let offset = 0
  for (const entry of entries) {
    const { local, central } = writeEntry(entry, entry.offset ?? offset, options.large ?? false)
    locals.push(local)
    centrals.push(central)
    offset += local.byteLength
  }
  const directory = Buffer.concat(centrals)
  return Buffer.concat([...locals, directory, writeEnd({ count: options.entries ?? entries.length, directory, offset }, options)])
}

function writeEntry(entry: ZipTestEntry, offset: number, large: boolean): { readonly local: Buffer; readonly central: Buffer } {
  const raw = Buffer.from(entry.bytes)
  const stored = entry.deflate ? deflateRawSync(raw) : raw
  const sizeBytes = entry.sizeBytes ?? raw.byteLength
  const storedBytes = entry.deflate ? stored.byteLength : (entry.sizeBytes ?? stored.byteLength)
  const shared = (name: Buffer, extra: Buffer): Buffer => {
    const head = Buffer.alloc(26)
    head.writeUInt16LE(45, 0)
    head.writeUInt16LE(entry.flags ?? 0x0800, 2)
    head.writeUInt16LE(entry.method ?? (entry.deflate ? 8 : 0), 4)
    head.writeUInt32LE(crc32(raw), 10)
    head.writeUInt32LE(large ? 0xffff_ffff : storedBytes, 14)
    head.writeUInt32LE(large ? 0xffff_ffff : sizeBytes, 18)
    head.writeUInt16LE(name.byteLength, 22)
    head.writeUInt16LE(extra.byteLength, 24)
    return head
  }
  const [name, localName] = [Buffer.from(entry.name), Buffer.from(entry.localName ?? entry.name)]
  const sizes = large ? zip64(sizeBytes, storedBytes) : Buffer.alloc(0)
  const places = large ? zip64(sizeBytes, storedBytes, offset) : Buffer.alloc(0)
  const tail = Buffer.alloc(14)
  tail.writeUInt32LE(large ? 0xffff_ffff : offset, 10)
  return {
    local: Buffer.concat([Buffer.from('PK\x03\x04'), shared(localName, sizes), localName, sizes, stored]),
    central: Buffer.concat([Buffer.from('PK\x01\x02'), Buffer.from([45, 3]), shared(name, places), tail, name, places]),
  }
}

function zip64(...numbers: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 + 8 * numbers.length)
  bytes.writeUInt16LE(1, 0)
  bytes.writeUInt16LE(8 * numbers.length, 2)
  for (const [index, number] of numbers.entries()) bytes.writeBigUInt64LE(BigInt(number), 4 + 8 * index)
  return bytes
}

interface Directory {
  readonly count: number
  readonly directory: Buffer
  readonly offset: number
}

function writeEnd({ count, directory, offset }: Directory, { large = false, comment = '' }: ZipTestOptions): Buffer {
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06', 0, 'latin1')
  end.writeUInt16LE(large ? 0xffff : count, 8)
  end.writeUInt16LE(large ? 0xffff : count, 10)
  end.writeUInt32LE(large ? 0xffff_ffff : directory.byteLength, 12)
  end.writeUInt32LE(large ? 0xffff_ffff : offset, 16)
  end.writeUInt16LE(Buffer.byteLength(comment), 20)
  return Buffer.concat([...(large ? [writeEnd64({ count, directory, offset })] : []), end, Buffer.from(comment)])
}

function writeEnd64({ count, directory, offset }: Directory): Buffer {
  const record = Buffer.alloc(56)
  record.write('PK\x06\x06', 0, 'latin1')
  record.writeBigUInt64LE(44n, 4)
  record.writeBigUInt64LE(BigInt(count), 24)
  record.writeBigUInt64LE(BigInt(count), 32)
  record.writeBigUInt64LE(BigInt(directory.byteLength), 40)
  record.writeBigUInt64LE(BigInt(offset), 48)
  const locator = Buffer.alloc(20)
  locator.write('PK\x06\x07', 0, 'latin1')
  locator.writeBigUInt64LE(BigInt(offset + directory.byteLength), 8)
  locator.writeUInt32LE(1, 16)
  return Buffer.concat([record, locator])
}
