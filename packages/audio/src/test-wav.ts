export interface TestWav {
  /** Number of the format: 1 PCM, 3 float, 6 A-law, 7 µ-law. */
  readonly kind: number
  readonly bits: number
  /** Interleaved. */
  readonly samples: readonly number[]
  readonly channels?: number
  readonly sampleRate?: number
}

/** A WAV file of any kind, with an odd chunk before its sound. */
export function writeTestWav({ kind, bits, samples, channels = 1, sampleRate = 16_000 }: TestWav): Uint8Array {
  const data = Buffer.concat(samples.map((sample) => encode(kind, bits, sample)))
  const format = Buffer.alloc(16)
  format.writeUInt16LE(kind)
  format.writeUInt16LE(channels, 2)
  format.writeUInt32LE(sampleRate, 4)
  format.writeUInt16LE(bits, 14)
  return Buffer.concat([
    Buffer.from('RIFF\0\0\0\0WAVE', 'latin1'),
    chunk('fmt ', format),
    chunk('LIST', Buffer.from('odd')),
    chunk('data', data),
  ])
}

function chunk(id: string, data: Uint8Array): Buffer {
  const size = Buffer.alloc(4)
  size.writeUInt32LE(data.byteLength)
  return Buffer.concat([Buffer.from(id), size, data, Buffer.alloc(data.byteLength % 2)])
}

function encode(kind: number, bits: number, sample: number): Buffer {
  const bytes = Buffer.alloc(Math.ceil(bits / 8))
  const whole = Math.min(2 ** (bits - 1) - 1, Math.round(sample * 2 ** (bits - 1)))
  if (kind === 3 && bits === 32) bytes.writeFloatLE(sample)
  else if (kind === 3) bytes.writeDoubleLE(sample)
  else if (kind === 6) bytes.writeUInt8(logarithmic(sample, 0x55, alawOf))
  else if (kind === 7) bytes.writeUInt8(logarithmic(sample, 0x7f, mulawOf))
  else if (bits === 8) bytes.writeUInt8(whole + 128)
  else if (bits % 8 === 0) bytes.writeIntLE(whole, 0, bits / 8)
  return bytes
}

/** The code whose value is nearest, by the standard's own tables of values: slow, and not the way the reader goes. */
function logarithmic(sample: number, mask: number, valueOf: (segment: number, step: number) => number): number {
  const magnitude = Math.abs(sample)
  let best = 0
  for (let code = 0; code < 128; code++)
    if (Math.abs(valueOf(code >> 4, code & 15) - magnitude) < Math.abs(valueOf(best >> 4, best & 15) - magnitude)) best = code
  return ((best | (sample >= 0 ? 0x80 : 0)) ^ mask) & 0xff
}

function alawOf(segment: number, step: number): number {
  return (segment === 0 ? 2 * step + 1 : (2 * step + 33) * 2 ** (segment - 1)) / 4096
}

function mulawOf(segment: number, step: number): number {
  return ((2 * step + 33) * 2 ** segment - 33) / 8159 / (8192 / 8159)
}
