import { MPEGDecoder } from 'mpg123-decoder'
import { chunksOf } from './chunks.ts'
import { unreadable } from './errors.ts'
import { MP3_CHUNK_BYTES } from './limits.ts'
import type { Pcm } from './pcm.ts'

/** MPEG audio of layers 1 to 3, with or without tags. */
export async function* decodeMp3(bytes: Uint8Array): AsyncGenerator<Pcm, void, void> {
  const decoder = new MPEGDecoder()
  await decoder.ready
  try {
    for (const chunk of chunksOf(bytes, MP3_CHUNK_BYTES)) {
      const { channelData, sampleRate, errors } = decoder.decode(chunk)
      const [error] = errors
      if (error) throw unreadable(`is a damaged MP3 file: ${error.message}`)
      yield { channels: channelData, sampleRate }
    }
  } finally {
    decoder.free()
  }
}
