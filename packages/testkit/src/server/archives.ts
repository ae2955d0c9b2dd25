import { crc32, deflateRawSync, gzipSync } from 'node:zlib'

/** Path inside the archive → its bytes. */
export type ArchiveFiles = Readonly<Record<string, Uint8Array | string>>

const TAR_BLOCK_BYTES = 512

/** An ustar archive of regular files, mode 0644, mtime 0: equal files give equal bytes. Paths up to 100 characters. */
export function tarOf(files: ArchiveFiles): Uint8Array {
  const parts = Object.entries(files).flatMap(([path, content]) => {
    const bytes = bytesOf(content)
    const padding = Buffer.alloc((TAR_BLOCK_BYTES - (bytes.byteLength % TAR_BLOCK_BYTES)) % TAR_BLOCK_BYTES)
    return [tarHeader(path, bytes.byteLength), bytes, padding]
  })
  return Buffer.concat([...parts, Buffer.alloc(2 * TAR_BLOCK_BYTES)])
}

export function tarGzOf(files: ArchiveFiles): Uint8Array {
  return gzipSync(tarOf(files))
}

function tarHeader(path: string, sizeBytes: number): Buffer {
  if (Buffer.byteLength(path) > 100) throw new RangeError(`tarOf takes paths up to 100 bytes, not ${path}`)
  const header = Buffer.alloc(TAR_BLOCK_BYTES)
  header.write(path, 0)
  header.write('0000644\0', 100)
  header.write('0000000\0', 108)
  header.write('0000000\0', 116)
  header.write(`${sizeBytes.toString(8).padStart(11, '0')}\0`, 124)
  header.write('00000000000\0', 136)
  header.write('        0', 148, 'latin1')
  header.write('ustar\x0000', 257, 'latin1')
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return header
}

/** A zip archive with deflated entries and no timestamps: equal files give equal bytes. */
export function zipOf(files: ArchiveFiles): Uint8Array {
  const locals: Uint8Array[] = []
  const centrals: Uint8Array[] = []
  let offset = 0
  for (const [path, content] of Object.entries(files)) {
    const entry = zipEntry(path, bytesOf(content), offset)
    locals.push(entry.local)
    centrals.push(entry.central)
    offset += entry.local.byteLength
  }
  const directory = Buffer.concat(centrals)
  return Buffer.concat([...locals, directory, zipEnd(locals.length, directory.byteLength, offset)])
}

function zipEntry(path: string, bytes: Uint8Array, offset: number): { local: Uint8Array; central: Uint8Array } {
  const name = Buffer.from(path)
  const deflated = deflateRawSync(bytes)
  // Version, flags (UTF-8 names), method, time, date (1980-01-01), crc, sizes, name length, extra length.
  const shared = Buffer.alloc(26)
  shared.writeUInt16LE(20, 0)
  shared.writeUInt16LE(0x0800, 2)
  shared.writeUInt16LE(8, 4)
  shared.writeUInt16LE(0x21, 8)
  shared.writeUInt32LE(crc32(bytes), 10)
  shared.writeUInt32LE(deflated.byteLength, 14)
  shared.writeUInt32LE(bytes.byteLength, 18)
  shared.writeUInt16LE(name.byteLength, 22)
  const tail = Buffer.alloc(14)
  tail.writeUInt32LE(offset, 10)
  return {
    local: Buffer.concat([Buffer.from('PK\x03\x04'), shared, name, deflated]),
    central: Buffer.concat([Buffer.from('PK\x01\x02'), Buffer.from([20, 3]), shared, tail, name]),
  }
}

function zipEnd(entries: number, directoryBytes: number, directoryOffset: number): Buffer {
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06', 0, 'latin1')
  end.writeUInt16LE(entries, 8)
  end.writeUInt16LE(entries, 10)
  end.writeUInt32LE(directoryBytes, 12)
  end.writeUInt32LE(directoryOffset, 16)
  return end
}

function bytesOf(content: Uint8Array | string): Uint8Array {
  return typeof content === 'string' ? Buffer.from(content) : content
}
