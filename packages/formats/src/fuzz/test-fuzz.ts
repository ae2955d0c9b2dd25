import { setTimeout as sleep } from 'node:timers/promises'
import { type Rng, createSeededRng, isSomaError } from '@soma/core'
import { type ByteReader, bytesReader } from '../reader.ts'
import { type Seed, mutate, prepareSeed } from './test-mutate.ts'
import { type Watchdog, startWatchdog } from './test-watchdog.ts'

/** A reader of files from outside, and small valid files to begin with. */
export interface FuzzTarget {
  readonly name: string
  readonly seeds: readonly Uint8Array[]
  /** Reads one case; it may only fail with a `SomaError` whose code begins with `package/`. */
  readonly read: (file: ByteReader) => unknown
  /** How many times the file's bytes it may ask for altogether; 4 unless given. */
  readonly readsMax?: number
}

export interface FuzzOptions {
  readonly seed: number
  /** First case; 0 unless given. */
  readonly from?: number
  /** Ends after so many cases, or so many ms, whichever comes first. */
  readonly cases?: number
  readonly timeMs?: number
}

export interface FuzzResult {
  readonly target: string
  readonly cases: number
  /** Cases that were valid all the same. */
  readonly parsed: number
  /** Refused cases, by error code. */
  readonly refused: ReadonlyMap<string, number>
  readonly slowestMs: number
  /** The most that was asked for of a file, in times of its size. */
  readonly readsFactor: number
  /** By how much the process's peak memory grew. */
  readonly memoryGrowthBytes: number
}

/** A case takes some 50 µs; YAML with a thousand errors in it 250 ms on a busy machine. What takes more is not linear. */
const CASE_MS_MAX = 1000
/** A case that was too slow is read again so often, by the thread's own time, before it is believed: the machine may be busy. */
const SLOW_ATTEMPTS = 3
const READS_MAX = 4
/** What any reader may ask for in addition: looking for a trailer, say. */
const READS_FREE_BYTES = 4096
/** Growth of the heap while the compiler and the collector settle is 100 MB; a count believed for once costs gigabytes. */
const MEMORY_GROWTH_BYTES_MAX = 384 * 1024 * 1024
/** Between looks at the clock, and pauses for others in this process. */
const BATCH_CASES = 256

/**
 * Shows a reader changed files, each made from `seed`, the target's name and its number, so that any of them can be made again.
 * @throws {Error} naming target, seed and case, for the first one that ends in anything but a value or a typed error, or
 * takes too long, reads too much, or makes the process grow.
 */
export async function fuzz(target: FuzzTarget, options: FuzzOptions): Promise<FuzzResult> {
  using watchdog = startWatchdog(`${target.name} with seed ${options.seed}`)
  const run = new FuzzRun(target, options, watchdog)
  return await run.finish()
}

class FuzzRun {
  readonly #target: FuzzTarget
  readonly #options: FuzzOptions
  readonly #watchdog: Watchdog
  readonly #seeds: readonly Seed[]
  readonly #refused = new Map<string, number>()
  readonly #memoryBefore = peakMemoryBytes()
  #parsed = 0
  #slowestMs = 0
  #readsFactor = 0

  constructor(target: FuzzTarget, options: FuzzOptions, watchdog: Watchdog) {
    this.#target = target
    this.#options = options
    this.#watchdog = watchdog
    this.#seeds = target.seeds.map(prepareSeed)
  }

  async finish(): Promise<FuzzResult> {
    await this.#checkSeeds()
    const { from = 0, cases = Infinity, timeMs = Infinity } = this.#options
    const startedAt = performance.now()
    let done = 0
    while (done < cases && performance.now() - startedAt < timeMs) {
      for (const end = Math.min(cases, done + BATCH_CASES); done < end; done++) await this.#case(from + done)
      await sleep()
    }
    return {
      target: this.#target.name,
      cases: done,
      parsed: this.#parsed,
      refused: this.#refused,
      slowestMs: this.#slowestMs,
      readsFactor: this.#readsFactor,
      memoryGrowthBytes: peakMemoryBytes() - this.#memoryBefore,
    }
  }

  /** Seeds that are refused would make a run that tests next to nothing. */
  async #checkSeeds(): Promise<void> {
    for (const [index, { bytes }] of this.#seeds.entries())
      try {
        await this.#target.read(bytesReader('seed', bytes))
      } catch (cause) {
        throw new Error(`seed ${index} of ${this.#target.name} is refused`, { cause })
      }
  }

  async #case(index: number): Promise<void> {
    this.#watchdog.at(index)
    const bytes = mutate(this.#seeds, caseRng(this.#target.name, this.#options.seed, index))
    const startedAt = performance.now()
    const outcome = await this.#outcome(bytes, index)
    let tookMs = performance.now() - startedAt
    if (outcome === undefined) this.#parsed++
    else this.#refused.set(outcome, (this.#refused.get(outcome) ?? 0) + 1)
    for (let attempt = 0; attempt < SLOW_ATTEMPTS && tookMs > CASE_MS_MAX; attempt++) {
      const before = process.threadCpuUsage()
      await this.#outcome(bytes, index)
      const { user, system } = process.threadCpuUsage(before)
      tookMs = (user + system) / 1000
    }
    if (tookMs > CASE_MS_MAX) throw this.#failure(index, `took ${tookMs.toFixed(0)} ms`)
    this.#checkMemory(index)
    this.#slowestMs = Math.max(this.#slowestMs, tookMs)
  }

  /** @returns the error's code; undefined when the case is valid. */
  async #outcome(bytes: Uint8Array, index: number): Promise<string | undefined> {
    const file = countingReader(bytes)
    let code: string | undefined
    try {
      await this.#target.read(file)
    } catch (error) {
      if (!isSomaError(error) || !error.code.startsWith('package/')) throw this.#failure(index, `threw ${String(error)}`, error)
      code = error.code
    }
    this.#checkReads(file.askedBytes(), bytes.byteLength, index)
    return code
  }

  #checkReads(askedBytes: number, sizeBytes: number, index: number): void {
    const factor = Math.max(0, askedBytes - READS_FREE_BYTES) / Math.max(sizeBytes, 1)
    this.#readsFactor = Math.max(this.#readsFactor, askedBytes / Math.max(sizeBytes, 1))
    if (factor > (this.#target.readsMax ?? READS_MAX)) throw this.#failure(index, `asked for ${askedBytes} of ${sizeBytes} bytes`)
  }

  #checkMemory(index: number): void {
    const growthBytes = peakMemoryBytes() - this.#memoryBefore
    if (growthBytes > MEMORY_GROWTH_BYTES_MAX)
      throw this.#failure(index, `or those before it made the process grow by ${growthBytes} bytes`)
  }

  #failure(index: number, what: string, cause?: unknown): Error {
    const { name } = this.#target
    const again = `npm run fuzz -- --only ${name} --seed ${this.#options.seed} --from ${index} --cases 1`
    return new Error(`${name}: case ${index} of seed ${this.#options.seed} ${what}; again: ${again}`, { cause })
  }
}

/** The randomness of one case. */
export function caseRng(target: string, seed: number, index: number): Rng {
  let mixed = seed
  for (const letter of target) mixed = Math.imul(mixed ^ letter.charCodeAt(0), 0x0100_0193)
  return createSeededRng(Math.imul(mixed ^ index, 0x9e37_79b1) ^ (index >>> 16))
}

function countingReader(bytes: Uint8Array): ByteReader & { readonly askedBytes: () => number } {
  const reader = bytesReader('case', bytes)
  let asked = 0
  return {
    name: reader.name,
    sizeBytes: reader.sizeBytes,
    read: (begin, end) => {
      // What leaves the file is refused, and costs nothing.
      if (end <= bytes.byteLength) asked += end - begin
      return reader.read(begin, end)
    },
    askedBytes: () => asked,
  }
}

function peakMemoryBytes(): number {
  return process.resourceUsage().maxRSS * 1024
}
