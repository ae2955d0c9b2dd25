import { OpusDecoder } from 'opus-decoder'
import { overLimit, unreadable } from './errors.ts'
import { COMPRESSED_CHANNELS_MAX } from './limits.ts'
import { oggPackets } from './ogg.ts'
import type { Pcm } from './pcm.ts'

interface OpusHead {
  readonly channels: number
  /** Samples at 48 kHz to leave out at the beginning. */
  readonly preSkip: number
  readonly streamCount: number
  readonly coupledStreamCount: number
  readonly channelMappingTable: number[]
}

/** Opus in Ogg, RFC 7845, always at 48 kHz, trimmed at both ends as the file says. */
export async function* decodeOpus(bytes: Uint8Array): AsyncGenerator<Pcm, void, void> {
  const packets = oggPackets(bytes)
  const head = readHead(packets.next().value?.data ?? new Uint8Array(0))
  packets.next()
  const { channels, streamCount, coupledStreamCount, channelMappingTable } = head
  const decoder = new OpusDecoder({ channels, streamCount, coupledStreamCount, channelMappingTable, preSkip: 0 })
  await decoder.ready
  try {
    let skip = head.preSkip
    let decodedSamples = 0
    for (const { data, granule, last } of packets) {
      const { channelData, samplesDecoded, sampleRate, errors } = decoder.decodeFrame(data)
      const [error] = errors
      if (error) throw unreadable(`is a damaged Opus file: ${error.message}`)
      decodedSamples += samplesDecoded
      const surplus = last && granule !== null ? Math.max(0, decodedSamples - Number(granule)) : 0
      const kept = channelData.map((samples) => samples.slice(Math.min(skip, samplesDecoded), Math.max(0, samplesDecoded - surplus)))
      skip -= Math.min(skip, samplesDecoded)
      yield { channels: kept, sampleRate }
    }
  } finally {
    decoder.free()
  }
}

function readHead(data: Uint8Array): OpusHead {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  if (data.byteLength < 19 || view.getUint8(8) >> 4 !== 0) throw unreadable('is an Opus file with a broken header')
  const channels = view.getUint8(9)
  if (channels > COMPRESSED_CHANNELS_MAX) throw overLimit('channels', channels, COMPRESSED_CHANNELS_MAX)
  const preSkip = view.getUint16(10, true)
  if (view.getUint8(18) === 0) return { channels, preSkip, ...simpleMapping(channels) }
  const channelMappingTable = [...data.subarray(21, 21 + channels)]
  if (channelMappingTable.length < channels) throw unreadable('is an Opus file with a broken header')
  return { channels, preSkip, streamCount: view.getUint8(19), coupledStreamCount: view.getUint8(20), channelMappingTable }
}

/** Family 0: one stream, mono or stereo. */
function simpleMapping(channels: number): Pick<OpusHead, 'streamCount' | 'coupledStreamCount' | 'channelMappingTable'> {
  if (channels < 1 || channels > 2) throw unreadable('is an Opus file with a broken header')
  return { streamCount: 1, coupledStreamCount: channels - 1, channelMappingTable: channels === 1 ? [0] : [0, 1] }
}
