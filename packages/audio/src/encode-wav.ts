const HEADER_BYTES = 44

/**
 * Writes mono 16-bit PCM, which everything plays.
 * @param samples from -1 to 1; beyond, they are clipped.
 * @param sampleRate hertz.
 */
export function encodeWav(samples: Float32Array, sampleRate: number): Uint8Array<ArrayBuffer> {
  const dataBytes = samples.length * 2
  const bytes = new Uint8Array(HEADER_BYTES + dataBytes)
  const view = new DataView(bytes.buffer)
  const text = (at: number, word: string): void => bytes.set(Buffer.from(word, 'latin1'), at)
  text(0, 'RIFF')
  view.setUint32(4, HEADER_BYTES - 8 + dataBytes, true)
  text(8, 'WAVEfmt ')
  view.setUint32(16, 16, true)
  view.setUint16(20, 1, true)
  view.setUint16(22, 1, true)
  view.setUint32(24, sampleRate, true)
  view.setUint32(28, sampleRate * 2, true)
  view.setUint16(32, 2, true)
  view.setUint16(34, 16, true)
  text(36, 'data')
  view.setUint32(40, dataBytes, true)
  samples.forEach((sample, index) => view.setInt16(HEADER_BYTES + index * 2, toInt16(sample), true))
  return bytes
}

function toInt16(sample: number): number {
  return Math.max(-0x8000, Math.min(0x7fff, Math.round(sample * 0x8000)))
}
