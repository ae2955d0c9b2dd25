import { abortError } from '@soma/core'
import type { Model } from './library.ts'

export interface DecodeOptions {
  readonly model: Model
  /** What `generate` of the library takes. */
  readonly inputs: object
  readonly signal: AbortSignal
}

/**
 * Tokens as the model chooses them, each computed when it is asked for: a slow reader holds the model up. Ends with the last.
 * The library pushes; every step of it goes through `forward`, so that is where it is made to wait, and stopped.
 */
export async function* decodeTokens({ model, inputs, signal }: DecodeOptions): AsyncGenerator<number, unknown, void> {
  const steps = new Steps(signal)
  const { forward } = model
  model.forward = async (feeds) => {
    await steps.allowed()
    return forward.call(model, feeds)
  }
  const run = model.generate({ ...inputs, streamer: steps, do_sample: false, num_beams: 1 })
  run.then(
    () => steps.finish(),
    (error: unknown) => steps.finish(error),
  )
  try {
    for (let token = await steps.next(); token !== undefined; token = await steps.next()) yield token
    return await run
  } finally {
    steps.stop()
    await run.catch(() => undefined)
    model.forward = forward
  }
}

/** Passes tokens from the library to whoever reads, one step at a time. Looks to the library like one of its streamers. */
class Steps {
  readonly #signal: AbortSignal
  readonly #tokens: number[] = []
  #prompted = false
  #allowed = Promise.withResolvers<void>()
  #arrived = Promise.withResolvers<void>()
  #ended = false
  #stopped = false
  #error: unknown

  constructor(signal: AbortSignal) {
    this.#signal = signal
  }

  /** Resolves when the next step may be taken. @throws what ends the generation. */
  async allowed(): Promise<void> {
    await this.#allowed.promise
    if (this.#signal.aborted) throw abortError(this.#signal)
    if (this.#stopped) throw new Error('nobody reads on')
  }

  /** The next token; undefined after the last. @throws what ended the generation. */
  async next(): Promise<number | undefined> {
    while (this.#tokens.length === 0 && !this.#ended) {
      this.#allowed.resolve()
      await this.#arrived.promise
      this.#arrived = Promise.withResolvers()
    }
    if (this.#error !== undefined) throw this.#error
    return this.#tokens.shift()
  }

  stop(): void {
    this.#stopped = true
    this.#allowed.resolve()
  }

  finish(error?: unknown): void {
    this.#ended = true
    this.#error = error
    this.#arrived.resolve()
  }

  /** Called by the library: first with the prompt, then with each token. */
  put([tokens]: ReadonlyArray<readonly bigint[]>): void {
    if (this.#prompted) this.#tokens.push(...(tokens ?? []).map(Number))
    if (this.#prompted && !this.#stopped) this.#allowed = Promise.withResolvers()
    this.#prompted = true
    this.#arrived.resolve()
  }

  /** Called by the library. That the generation is over is told by its promise. */
  end(): void {}
}
