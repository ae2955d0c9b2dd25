import { setImmediate } from 'node:timers/promises'
import { isSomaError, throwIfAborted } from '@soma/core'
import { overLimit, unreadable } from './errors.ts'
import { decodeFlac } from './flac.ts'
import { AUDIO_BYTES_MAX, CHANNELS_MAX, SAMPLES_MAX, SAMPLE_RATE_MAX, SAMPLE_RATE_MIN } from './limits.ts'
import { decodeMp3 } from './mp3.ts'
import { decodeOpus } from './opus.ts'
import type { Decode, Pcm } from './pcm.ts'
import { type Resampler, createResampler } from './resample.ts'
import { type AudioFormat, sniffAudio } from './sniff.ts'
import { decodeVorbis } from './vorbis.ts'
import { decodeWav } from './wav.ts'

/** A recording in memory. */
export interface Audio {
  /** float32 [samples], mono, from -1 to 1. */
  readonly samples: Float32Array
  /** Hertz. */
  readonly sampleRate: number
}

export interface DecodeOptions {
  /** Hertz to resample to while decoding, so that an hour of studio sound is never held; the recording's own when absent. */
  readonly sampleRate?: number | undefined
  readonly signal?: AbortSignal | undefined
}

const decoders: Readonly<Record<AudioFormat, Decode>> = {
  wav: decodeWav,
  flac: decodeFlac,
  mp3: decodeMp3,
  vorbis: decodeVorbis,
  opus: decodeOpus,
}

/**
 * Decodes a WAV, FLAC, MP3, Ogg Vorbis or Opus file, and mixes its channels into one. What it is, its bytes tell.
 * @throws {SomaError} `model/unreadable-input` when it is of no known format, damaged, or over a limit; what aborts the signal.
 */
export async function decodeAudio(bytes: Uint8Array, { sampleRate, signal }: DecodeOptions = {}): Promise<Audio> {
  if (bytes.byteLength > AUDIO_BYTES_MAX) throw overLimit('bytes', bytes.byteLength, AUDIO_BYTES_MAX)
  const collected = new Collector(sampleRate)
  try {
    for await (const pcm of decoders[sniffAudio(bytes)](bytes)) {
      collected.add(pcm)
      // Decoders compute without a pause: the process must get to read what came meanwhile, a cancellation, too.
      await setImmediate()
      if (signal) throwIfAborted(signal)
    }
  } catch (error) {
    if (isSomaError(error)) throw error
    throw unreadable(`cannot be decoded: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
  return collected.end()
}

/** Mono samples of one rate, as they come, up to the limit. */
class Collector {
  readonly #wanted: number | undefined
  readonly #pieces: Float32Array[] = []
  #sampleRate = 0
  #resampler: Resampler | undefined
  #length = 0

  constructor(wanted: number | undefined) {
    this.#wanted = wanted
  }

  add({ channels, sampleRate }: Pcm): void {
    if ((channels[0]?.length ?? 0) === 0) return
    if (this.#sampleRate === 0) this.#begin(channels.length, sampleRate)
    if (sampleRate !== this.#sampleRate) throw unreadable(`changes its sample rate from ${this.#sampleRate} to ${sampleRate} Hz midway`)
    const mono = mix(channels)
    this.#keep(this.#resampler?.push(mono) ?? mono)
  }

  end(): Audio {
    if (this.#resampler) this.#keep(this.#resampler.end())
    if (this.#length === 0) throw unreadable('has no sound in it: it is empty, or cut off after its header')
    const samples = new Float32Array(this.#length)
    let at = 0
    for (const piece of this.#pieces) {
      samples.set(piece, at)
      at += piece.length
    }
    return { samples, sampleRate: this.#wanted ?? this.#sampleRate }
  }

  #begin(channels: number, sampleRate: number): void {
    if (channels > CHANNELS_MAX) throw overLimit('channels', channels, CHANNELS_MAX)
    if (!(sampleRate >= SAMPLE_RATE_MIN && sampleRate <= SAMPLE_RATE_MAX))
      throw unreadable(`has ${sampleRate} samples a second, not ${SAMPLE_RATE_MIN} to ${SAMPLE_RATE_MAX}`)
    this.#sampleRate = sampleRate
    if (this.#wanted !== undefined && this.#wanted !== sampleRate) this.#resampler = createResampler(sampleRate, this.#wanted)
  }

  #keep(piece: Float32Array): void {
    this.#length += piece.length
    if (this.#length > SAMPLES_MAX) throw overLimit('samples', this.#length, SAMPLES_MAX)
    this.#pieces.push(piece)
  }
}

/** The mean of the channels: nobody who speaks in one of them is lost, and nothing is louder than 1. */
function mix(channels: readonly Float32Array[]): Float32Array {
  const [first = new Float32Array(0), ...others] = channels
  if (others.length === 0) return finite(first)
  const mono = first.slice()
  for (const channel of others) for (let at = 0; at < mono.length; at++) mono[at] = (mono[at] ?? 0) + (channel[at] ?? 0)
  for (let at = 0; at < mono.length; at++) mono[at] = (mono[at] ?? 0) / channels.length
  return finite(mono)
}

/** Float files may hold anything; a NaN would make silence of all that a model hears after it. */
function finite(samples: Float32Array): Float32Array {
  for (let at = 0; at < samples.length; at++) {
    const sample = samples[at] ?? 0
    if (!(sample >= -1 && sample <= 1)) samples[at] = sample > 1 ? 1 : sample < -1 ? -1 : 0
  }
  return samples
}
