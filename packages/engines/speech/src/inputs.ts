import { decodeAudio, resample } from '@soma/audio'
import { type Tensor, type TensorSpec, decodeStrings } from '@soma/spec'
import { mismatch } from './errors.ts'
import { SPEECH_SAMPLE_RATE } from './limits.ts'

/** Sound as tensors: one of the two. */
export const soundInputs: readonly TensorSpec[] = [
  { name: 'audio', dtype: 'uint8', shape: [-1], optional: true, description: 'The bytes of a WAV, FLAC, MP3, Ogg Vorbis or Opus file.' },
  {
    name: 'samples',
    dtype: 'float32',
    shape: [-1],
    optional: true,
    finite: true,
    description: 'Instead of "audio": mono sound, from -1 to 1.',
  },
  { name: 'sample_rate', dtype: 'int32', shape: [1], optional: true, description: 'Hertz of "samples"; 16,000 when absent.' },
]

/**
 * @returns mono sound at 16 kHz.
 * @throws {SomaError} `model/input-mismatch`, `model/unreadable-input`.
 */
export async function readSound(inputs: readonly Tensor[], signal: AbortSignal): Promise<Float32Array> {
  const [audio, samples, rate] = ['audio', 'samples', 'sample_rate'].map((name) => inputs.find((tensor) => tensor.name === name))
  if ((audio === undefined) === (samples === undefined)) throw mismatch('audio', 'either it or "samples"', audio ? 'both' : 'neither')
  if (audio) {
    if (rate) throw mismatch('sample_rate', 'nothing: a file says its own', 'it beside "audio"')
    return (await decodeAudio(audio.data, { sampleRate: SPEECH_SAMPLE_RATE, signal })).samples
  }
  const hertz = rate ? new DataView(rate.data.buffer, rate.data.byteOffset).getInt32(0, true) : SPEECH_SAMPLE_RATE
  if (hertz < 4000 || hertz > 384_000) throw mismatch('sample_rate', '4,000 to 384,000', String(hertz))
  return resample(new Float32Array(new Uint8Array(samples?.data ?? []).buffer), hertz, SPEECH_SAMPLE_RATE)
}

export function textOf(inputs: readonly Tensor[], name: string): string | undefined {
  const tensor = inputs.find((input) => input.name === name)
  return tensor && decodeStrings(tensor.data)[0]
}

export function numberOf(inputs: readonly Tensor[], name: string): number | undefined {
  const tensor = inputs.find((input) => input.name === name)
  return tensor && new DataView(tensor.data.buffer, tensor.data.byteOffset).getFloat32(0, true)
}

export function floats(name: string, values: Float32Array | readonly number[]): Tensor {
  const array = Float32Array.from(values)
  return { name, dtype: 'float32', shape: [array.length], data: new Uint8Array(array.buffer) }
}
