/** A stretch of sound: one array of samples from -1 to 1 for each channel, all of one length. */
export interface Pcm {
  readonly channels: readonly Float32Array[]
  /** Hertz. */
  readonly sampleRate: number
}

/** Decodes a file piece by piece, so that nobody holds more of it than he asked for. */
export type Decode = (bytes: Uint8Array) => AsyncGenerator<Pcm, void, void>
