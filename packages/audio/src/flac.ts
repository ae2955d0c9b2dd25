import { FLACDecoder } from '@wasm-audio-decoders/flac'
import { chunksOf } from './chunks.ts'
import { unreadable } from './errors.ts'
import { FLAC_CHUNK_BYTES } from './limits.ts'
import { checkOgg } from './ogg.ts'
import type { Pcm } from './pcm.ts'

/** FLAC, bare or in Ogg. */
export async function* decodeFlac(bytes: Uint8Array): AsyncGenerator<Pcm, void, void> {
  const bare = bytes[0] === 'f'.charCodeAt(0)
  if (!bare) checkOgg(bytes)
  const expected = bare ? samplesStated(bytes) : 0
  let decoded = 0
  for await (const pcm of decode(bytes)) {
    decoded += pcm.channels[0]?.length ?? 0
    yield pcm
  }
  if (decoded < expected) throw unreadable(`is a FLAC file damaged or cut short: ${decoded} of ${expected} samples are there`)
}

/** Of its first block, RFC 9639, 8.2: 36 bits; 0 where the encoder did not know. */
function samplesStated(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return bytes.byteLength < 26 ? 0 : (view.getUint8(21) & 15) * 2 ** 32 + view.getUint32(22)
}

async function* decode(bytes: Uint8Array): AsyncGenerator<Pcm, void, void> {
  const decoder = new FLACDecoder()
  await decoder.ready
  try {
    for (const chunk of chunksOf(bytes, FLAC_CHUNK_BYTES)) yield checked(await decoder.decode(chunk))
    yield checked(await decoder.flush())
  } finally {
    decoder.free()
  }
}

type Decoded = Awaited<ReturnType<FLACDecoder['decode']>>

function checked({ channelData, sampleRate, errors }: Decoded): Pcm {
  const [error] = errors
  if (error) throw unreadable(`is a damaged FLAC file: ${error.message}`)
  return { channels: channelData, sampleRate }
}
