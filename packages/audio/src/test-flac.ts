/** A FLAC file of silence: 65,535 samples of each channel in frames of a few bytes. RFC 9639. */
export function flacBomb({ frames, channels }: { readonly frames: number; readonly channels: number }): Uint8Array {
  const info = Buffer.alloc(34)
  info.writeUInt16BE(65_535, 0)
  info.writeUInt16BE(65_535, 2)
  // 20 bits of sample rate, 3 of channels, 5 of bits, 36 of samples: unknown.
  info.writeUInt32BE(((44_100 << 12) | ((channels - 1) << 9) | (15 << 4)) >>> 0, 10)
  const parts: Uint8Array[] = [Buffer.from('fLaC'), Buffer.from([0x80, 0, 0, 34]), info]
  for (let frame = 0; frame < frames; frame++) parts.push(silentFrame(frame, channels))
  return Buffer.concat(parts)
}

function silentFrame(number: number, channels: number): Buffer {
  // Sync and fixed block size; a size of 16 bits at the end of the header, 44.1 kHz; channels, 16 bits; UTF-8 number; size less one.
  const header = Buffer.from([0xff, 0xf8, 0x79, ((channels - 1) << 4) | 8, number, 0xff, 0xfe])
  const withCrc = Buffer.concat([header, Buffer.from([crc(header, 8, 0x07)])])
  // A constant subframe of 0 for each channel.
  const body = Buffer.concat([withCrc, Buffer.alloc(3 * channels)])
  const end = Buffer.alloc(2)
  end.writeUInt16BE(crc(body, 16, 0x8005))
  return Buffer.concat([body, end])
}

function crc(bytes: Uint8Array, width: number, polynomial: number): number {
  let sum = 0
  for (const byte of bytes) {
    sum ^= byte << (width - 8)
    for (let bit = 0; bit < 8; bit++) sum = (sum << 1) ^ (sum & (1 << (width - 1)) ? polynomial : 0)
    sum &= 2 ** width - 1
  }
  return sum
}
