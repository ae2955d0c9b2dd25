import { OWNER } from '@soma/core'
import { type RequestIdentity, ResultCache, requestKey } from './result-cache.ts'
import type { CallOptions, Timings } from './turn.ts'

/** Answers that were given before, to the same caller and to nobody else; none where they are not kept. */
export class Answers {
  readonly #cache: ResultCache | undefined

  /** @param bytesMax 0 keeps none. */
  constructor(bytesMax: number) {
    this.#cache = bytesMax > 0 ? new ResultCache(bytesMax) : undefined
  }

  get isOn(): boolean {
    return this.#cache !== undefined
  }

  /** The key of a request that has the same answer each time; undefined where none is kept. */
  keyOf(asked: Omit<RequestIdentity, 'principal'>, isDeterministic: boolean, { principal = OWNER }: CallOptions): string | undefined {
    return this.#cache && isDeterministic ? requestKey({ ...asked, principal }) : undefined
  }

  /** @param read tells what kind of answer it was: what was kept under a key is what is asked for by it. */
  find<Answer extends object>(
    key: string | undefined,
    read: (kept: unknown) => Answer | undefined,
  ): (Answer & { readonly timings: Timings }) | undefined {
    const found = key === undefined ? undefined : read(this.#cache?.get(key))
    return found && { ...found, timings: { queueMs: 0, loadMs: 0, runMs: 0, cached: true } }
  }

  keep<Answer extends { readonly timings: Timings }>(key: string | undefined, answer: Answer): Answer {
    const { timings: _timings, ...kept } = answer
    if (key !== undefined) this.#cache?.put(key, kept)
    return answer
  }
}
