import { assert } from '@soma/core'
import { FILTER_COEFFICIENTS_MAX, SAMPLE_RATE_MAX } from './limits.ts'

/** Changes the sample rate of sound that comes in pieces. */
export interface Resampler {
  push(samples: Float32Array): Float32Array
  /** What was held back. Nothing can be pushed after it. */
  end(): Float32Array
}

/** Zero crossings of the sinc on either side, counted at the lower rate: a transition band of 1/16 of the lower Nyquist frequency. */
const ZERO_CROSSINGS = 24
/** Kaiser window: about 80 dB between what passes and what does not. */
const KAISER_BETA = 8
/** Where the filter is half open, as a share of the lower Nyquist frequency. */
const CUTOFF = 0.95

/**
 * Changes the sample rate of a whole recording; the same array when the rates are equal.
 * @param from hertz
 * @param to hertz
 */
export function resample(samples: Float32Array, from: number, to: number): Float32Array {
  if (from === to) return samples
  const resampler = createResampler(from, to)
  const [body, tail] = [resampler.push(samples), resampler.end()]
  const whole = new Float32Array(body.length + tail.length)
  whole.set(body)
  whole.set(tail, body.length)
  return whole
}

/**
 * A band-limited resampler: a sinc under a Kaiser window, computed once for each place between two input samples where an
 * output sample can lie. The output is not delayed against the input, and as long as the rates say.
 */
export function createResampler(from: number, to: number): Resampler {
  for (const rate of [from, to]) assert(Number.isInteger(rate) && rate > 0 && rate <= SAMPLE_RATE_MAX, `${rate} Hz is a sample rate`)
  return new PolyphaseResampler(from, to)
}

class PolyphaseResampler implements Resampler {
  /** Each output sample is `step / phases` input samples after the last. */
  readonly #phases: number
  readonly #step: number
  /** Input samples that the filter looks at on either side. */
  readonly #half: number
  readonly #filter: Filter
  /** Input not fully used yet, the half window before the next output first. */
  #held: Float32Array
  /** The next output's place behind `half - 1` in `held`, in input samples and phases. */
  #at = 0
  #phase = 0
  #taken = 0
  #given = 0

  constructor(from: number, to: number) {
    const divisor = gcd(from, to)
    this.#phases = to / divisor
    this.#step = from / divisor
    const scale = Math.min(1, to / from)
    this.#half = Math.ceil(ZERO_CROSSINGS / scale)
    this.#filter = designFilter(this.#phases, this.#half, scale * CUTOFF)
    this.#held = new Float32Array(this.#half - 1)
  }

  push(samples: Float32Array): Float32Array {
    this.#taken += samples.length
    return this.#advance(samples, Infinity)
  }

  end(): Float32Array {
    const expected = Math.ceil((this.#taken * this.#phases) / this.#step)
    return this.#advance(new Float32Array(this.#half), expected - this.#given)
  }

  #advance(samples: Float32Array, countMax: number): Float32Array {
    const input = join(this.#held, samples)
    const taps = 2 * this.#half
    const last = input.length - taps
    const room = Math.max(0, Math.ceil(((last + 1 - this.#at) * this.#phases - this.#phase) / this.#step))
    const output = new Float32Array(Math.min(room, countMax))
    for (let index = 0; index < output.length; index++) {
      output[index] = this.#filter.apply(input, this.#at, this.#phase)
      this.#phase += this.#step
      this.#at += Math.floor(this.#phase / this.#phases)
      this.#phase %= this.#phases
    }
    const used = Math.min(this.#at, input.length)
    this.#held = input.slice(used)
    this.#at -= used
    this.#given += output.length
    return output
  }
}

interface Filter {
  /** The output at `phase` parts of the way from `input[at + half - 1]` to the sample behind it. */
  apply(input: Float32Array, at: number, phase: number): number
}

function designFilter(phases: number, half: number, cutoff: number): Filter {
  const taps = 2 * half
  const rows = Math.min(phases, Math.max(1, Math.floor(FILTER_COEFFICIENTS_MAX / taps)))
  const table = new Float32Array(rows * taps)
  for (let row = 0; row < rows; row++) fillRow(table.subarray(row * taps, (row + 1) * taps), row / rows, cutoff)
  return {
    apply(input, at, phase) {
      const row = rows === phases ? phase : Math.floor((phase * rows) / phases)
      let sum = 0
      for (let tap = 0, from = row * taps; tap < taps; tap++) sum += (input[at + tap] ?? 0) * (table[from + tap] ?? 0)
      return sum
    },
  }
}

/** Scaled so that a constant stays what it is, whatever the phase. */
function fillRow(row: Float32Array, fraction: number, cutoff: number): void {
  const half = row.length / 2
  let sum = 0
  for (let tap = 0; tap < row.length; tap++) {
    const distance = tap - (half - 1) - fraction
    const value = sinc(distance * cutoff) * kaiser(distance / half)
    row[tap] = value
    sum += value
  }
  for (let tap = 0; tap < row.length; tap++) row[tap] = (row[tap] ?? 0) / sum
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x)
}

function kaiser(x: number): number {
  return Math.abs(x) >= 1 ? 0 : bessel(KAISER_BETA * Math.sqrt(1 - x * x)) / bessel(KAISER_BETA)
}

/** The modified Bessel function of the first kind, order 0, by its series: 30 terms are exact for what a window needs. */
function bessel(x: number): number {
  let term = 1
  let sum = 1
  for (let k = 1; k < 30; k++) {
    term *= (x / (2 * k)) ** 2
    sum += term
  }
  return sum
}

function join(first: Float32Array, second: Float32Array): Float32Array {
  const joined = new Float32Array(first.length + second.length)
  joined.set(first)
  joined.set(second, first.length)
  return joined
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b)
}
