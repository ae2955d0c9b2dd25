import type { LlamaContextSequence, Token } from 'node-llama-cpp'
import { type Clock, throwIfAborted } from '@soma/core'
import { PROMPT_STEP_MS, PROMPT_STEP_TOKENS_MIN } from './limits.ts'
import type { Rounds } from './rounds.ts'
import type { ThreadLimit } from './thread-limit.ts'

/** What is left to compute before the first token of the answer. */
export interface PromptRest {
  readonly cachedTokens: number
  /** Never empty. */
  readonly rest: readonly number[]
}

export interface PromptStepsDeps {
  readonly clock: Pick<Clock, 'monotonic'>
  readonly threads: ThreadLimit
  readonly rounds: Rounds
}

/**
 * Computes prompts in steps of about equal time. A step cannot be interrupted, and other sequences wait for it, so its length is
 * what a cancelled call and everybody else's next token wait for; how many tokens that is, the last steps tell.
 */
export class PromptSteps {
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #threads: ThreadLimit
  readonly #rounds: Rounds
  readonly #batchSize: number
  #tokensPerMs: number | undefined

  constructor({ clock, threads, rounds }: PromptStepsDeps, batchSize: number) {
    this.#clock = clock
    this.#threads = threads
    this.#rounds = rounds
    this.#batchSize = batchSize
  }

  /** Keeps of the sequence's cache what the prompt begins with, and computes all of the prompt but the last step. */
  async run(sequence: LlamaContextSequence, tokens: readonly number[], signal: AbortSignal): Promise<PromptRest> {
    await sequence.adaptStateToTokens(tokens.slice(0, -1) as Token[], false)
    const cachedTokens = sequence.nextTokenIndex
    let done = cachedTokens
    for (let size = this.#size(); tokens.length - done > size; size = this.#size()) {
      throwIfAborted(signal)
      this.#threads.adjust()
      const started = this.#clock.monotonic()
      const step = tokens.slice(done, done + size) as Token[]
      await this.#rounds.step(() => sequence.evaluateWithoutGeneratingNewTokens(step))
      done += size
      this.#learn(size, this.#clock.monotonic() - started)
    }
    throwIfAborted(signal)
    this.#threads.adjust()
    return { cachedTokens, rest: tokens.slice(done) }
  }

  #size(): number {
    const wanted = Math.floor((this.#tokensPerMs ?? 0) * PROMPT_STEP_MS)
    return Math.min(this.#batchSize, Math.max(PROMPT_STEP_TOKENS_MIN, wanted))
  }

  /** Half of what was known stays, for one step may have waited for others. */
  #learn(tokens: number, durationMs: number): void {
    const rate = tokens / Math.max(durationMs, 0.01)
    this.#tokensPerMs = this.#tokensPerMs === undefined ? rate : (this.#tokensPerMs + rate) / 2
  }
}
