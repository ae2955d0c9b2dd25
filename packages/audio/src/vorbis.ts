import { OggVorbisDecoder } from '@wasm-audio-decoders/ogg-vorbis'
import { chunksOf } from './chunks.ts'
import { overLimit, unreadable } from './errors.ts'
import { COMPRESSED_CHANNELS_MAX, VORBIS_CHUNK_BYTES } from './limits.ts'
import { checkOgg } from './ogg.ts'
import type { Pcm } from './pcm.ts'

/** Of the identification header, which is always the first page's only packet: RFC 5215, and the Vorbis I specification, 4.2.2. */
const CHANNELS_AT = 28 + 11

/** Vorbis in Ogg. */
export async function* decodeVorbis(bytes: Uint8Array): AsyncGenerator<Pcm, void, void> {
  const channels = bytes[CHANNELS_AT] ?? 0
  if (channels > COMPRESSED_CHANNELS_MAX) throw overLimit('channels', channels, COMPRESSED_CHANNELS_MAX)
  checkOgg(bytes)
  const decoder = new OggVorbisDecoder()
  await decoder.ready
  try {
    for (const chunk of chunksOf(bytes, VORBIS_CHUNK_BYTES)) yield checked(await decoder.decode(chunk))
    yield checked(await decoder.flush())
  } finally {
    decoder.free()
  }
}

type Decoded = Awaited<ReturnType<OggVorbisDecoder['decode']>>

function checked({ channelData, sampleRate, errors }: Decoded): Pcm {
  const [error] = errors
  if (error) throw unreadable(`is a damaged Vorbis file: ${error.message}`)
  return { channels: channelData, sampleRate }
}
