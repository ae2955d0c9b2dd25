import { unreadable } from './errors.ts'

export type AudioFormat = 'wav' | 'flac' | 'mp3' | 'vorbis' | 'opus'

/** Other formats that people send, to say more than "unknown". */
const refused: ReadonlyArray<readonly [number, string, string]> = [
  [4, 'ftyp', 'an MP4 or M4A file (AAC)'],
  [0, '\x1aE\xdf\xa3', 'a WebM or Matroska file'],
  [0, 'FORM', 'an AIFF file'],
  [0, 'caff', 'a Core Audio file'],
  [0, '#!AMR', 'an AMR file'],
  [0, '0&\xb2u', 'a Windows Media file'],
]

/**
 * Tells an audio format by its first bytes.
 * @throws {SomaError} `model/unreadable-input` naming what it is instead, where that can be told.
 */
export function sniffAudio(bytes: Uint8Array): AudioFormat {
  if (bytes.byteLength === 0) throw unreadable('has no bytes')
  const head = String.fromCharCode(...bytes.subarray(0, 64))
  if (/^RIFF....WAVE/s.test(head)) return 'wav'
  if (head.startsWith('fLaC')) return 'flac'
  if (head.startsWith('OggS')) return oggFormat(head)
  if (head.startsWith('ID3') || isMpegFrame(bytes)) return 'mp3'
  const other = refused.find(([at, magic]) => head.startsWith(magic, at))
  throw unreadable(`is ${other?.[2] ?? 'in no known format'}; WAV, FLAC, MP3, Ogg Vorbis and Opus can be read`)
}

/** The first packet follows the first page's header and its one-byte list of segments. */
function oggFormat(head: string): AudioFormat {
  if (head.startsWith('OpusHead', 28)) return 'opus'
  if (head.startsWith('\x01vorbis', 28)) return 'vorbis'
  if (head.startsWith('\x7fFLAC', 28)) return 'flac'
  throw unreadable('is an Ogg file of something else than Vorbis, Opus or FLAC')
}

/** Eleven bits set, and neither a layer, a bit rate nor a sample rate that is not given out. */
function isMpegFrame([first = 0, second = 0, third = 0]: Uint8Array): boolean {
  return first === 0xff && (second & 0xe0) === 0xe0 && (second & 6) !== 0 && third >> 4 !== 15 && (third & 12) !== 12
}
