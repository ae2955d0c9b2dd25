import { unreadable } from './errors.ts'
import { PCM_CHUNK_FRAMES, WAV_CHUNKS_MAX } from './limits.ts'
import type { Pcm } from './pcm.ts'

const PCM = 1
const FLOAT = 3
const A_LAW = 6
const MU_LAW = 7
const EXTENSIBLE = 0xfffe
/** Written by programs that did not know the length yet: the data goes to the end of the file. */
const UNKNOWN_LENGTH = 0xffff_ffff

interface WavFormat {
  readonly channels: number
  readonly sampleRate: number
  readonly sampleBytes: number
  readonly read: (view: DataView, at: number) => number
}

/** Reads PCM of 8, 16, 24 and 32 bits, float of 32 and 64, A-law and µ-law. */
export async function* decodeWav(bytes: Uint8Array): AsyncGenerator<Pcm, void, void> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const { format, start, end } = findData(view)
  const frameBytes = format.sampleBytes * format.channels
  const frames = Math.floor((end - start) / frameBytes)
  for (let frame = 0; frame < frames; frame += PCM_CHUNK_FRAMES) {
    const count = Math.min(PCM_CHUNK_FRAMES, frames - frame)
    const channels = Array.from({ length: format.channels }, (_, channel) => {
      const samples = new Float32Array(count)
      const at = start + frame * frameBytes + channel * format.sampleBytes
      for (let index = 0; index < count; index++) samples[index] = format.read(view, at + index * frameBytes)
      return samples
    })
    yield { channels, sampleRate: format.sampleRate }
  }
}

function findData(view: DataView): { readonly format: WavFormat; readonly start: number; readonly end: number } {
  let format: WavFormat | undefined
  let at = 12
  for (let count = 0; count < WAV_CHUNKS_MAX && at + 8 <= view.byteLength; count++) {
    const id = textAt(view, at)
    const size = view.getUint32(at + 4, true)
    const start = at + 8
    const rest = view.byteLength - start
    if (id === 'data') {
      if (!format) throw unreadable('is a WAV file with sound before it says of which kind')
      if (size !== UNKNOWN_LENGTH && size > rest) throw unreadable(`is a WAV file cut short: ${rest} of ${size} bytes of sound are there`)
      return { format, start, end: start + Math.min(size, rest) }
    }
    if (size > rest) break
    if (id === 'fmt ') format = readFormat(view, start, size)
    // Chunks begin at even places.
    at = start + size + (size % 2)
  }
  throw unreadable('is a WAV file without sound')
}

function readFormat(view: DataView, at: number, size: number): WavFormat {
  if (size < 16) throw unreadable('is a WAV file with a broken header')
  const tag = view.getUint16(at, true)
  const kind = tag === EXTENSIBLE && size >= 26 ? view.getUint16(at + 24, true) : tag
  const channels = view.getUint16(at + 2, true)
  const bits = view.getUint16(at + 14, true)
  const read = readers[`${kind}/${bits}`]
  if (!read) throw unreadable(`is a WAV file of a kind (format ${kind}, ${bits} bits) that cannot be read: use PCM or float`)
  if (channels === 0) throw unreadable('is a WAV file without channels')
  return { channels, sampleRate: view.getUint32(at + 4, true), sampleBytes: bits / 8, read }
}

const readers: Readonly<Record<string, WavFormat['read']>> = {
  [`${PCM}/8`]: (view, at) => (view.getUint8(at) - 128) / 128,
  [`${PCM}/16`]: (view, at) => view.getInt16(at, true) / 0x8000,
  [`${PCM}/24`]: (view, at) => (view.getUint16(at, true) / 0x10000 + view.getInt8(at + 2)) / 128,
  [`${PCM}/32`]: (view, at) => view.getInt32(at, true) / 0x8000_0000,
  [`${FLOAT}/32`]: (view, at) => view.getFloat32(at, true),
  [`${FLOAT}/64`]: (view, at) => view.getFloat64(at, true),
  [`${A_LAW}/8`]: (view, at) => fromALaw(view.getUint8(at)),
  [`${MU_LAW}/8`]: (view, at) => fromMuLaw(view.getUint8(at)),
}

/** ITU-T G.711: sign, three bits of exponent, four of mantissa, every second bit turned over. */
function fromALaw(code: number): number {
  const bits = code ^ 0x55
  const exponent = (bits >> 4) & 7
  const mantissa = ((bits & 15) << 4) + 8
  const magnitude = exponent === 0 ? mantissa : (mantissa + 0x100) << (exponent - 1)
  return ((bits & 0x80) === 0 ? -magnitude : magnitude) / 0x8000
}

/** ITU-T G.711: the same with all bits turned over and a bias of 132. */
function fromMuLaw(code: number): number {
  const bits = ~code & 0xff
  const magnitude = ((((bits & 15) << 3) + 132) << ((bits >> 4) & 7)) - 132
  return ((bits & 0x80) === 0 ? magnitude : -magnitude) / 0x8000
}

function textAt(view: DataView, at: number): string {
  return String.fromCharCode(...new Uint8Array(view.buffer, view.byteOffset + at, 4))
}
