import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type SomaError, SomaError as Failure, silentLog } from '@soma/core'
import { createTestClock } from '@soma/testkit/clock'
import { lostEngine } from './engine-failure.ts'
import { SecondTry } from './second-try.ts'

const never = new AbortController().signal
const call = { model: 'a', signal: never }
const lost = (): SomaError => lostEngine({ engine: 'e', model: 'a', pid: 1 }, undefined, { code: null, signal: 'SIGKILL' }, [])
const outOfMemory = (): SomaError =>
  lostEngine({ engine: 'e', model: 'a', pid: 1 }, undefined, { code: null, signal: 'SIGKILL', isOutOfMemory: true }, [])
const hung = (): SomaError => new Failure('engine/crashed', 'it hung', { details: { hangMsMax: 1 } })
const delayed = (retryAfterMs: number): SomaError => new Failure('engine/not-ready', 'later', { details: { retryAfterMs } })

/** Work that fails with these errors, one each time, and then succeeds. */
function work(...failures: SomaError[]): { readonly run: () => Promise<string>; runs: number } {
  const made = {
    runs: 0,
    run: async () => {
      const failure = failures[made.runs]
      made.runs += 1
      if (failure) throw failure
      return await Promise.resolve('done')
    },
  }
  return made
}

describe('a second try', () => {
  it('is made once, after a lost process and nothing else', async () => {
    const tries = new SecondTry({ clock: createTestClock(), log: silentLog })
    assert.equal(await tries.run(call, work(lost()).run), 'done')
    for (const [failures, runs] of [
      [[lost(), lost()], 2],
      [[lost(), hung()], 2],
      [[hung()], 1],
      [[outOfMemory()], 1],
      [[delayed(1)], 1],
      [[new Failure('engine/failed', 'no')], 1],
    ] as const) {
      const made = work(...failures)
      await assert.rejects(tries.run(call, made.run), (error) => error === failures.at(-1))
      assert.equal(made.runs, runs)
    }
  })

  it('waits for the delay of a model that fell twice, but not for a long one', async () => {
    const clock = createTestClock()
    const tries = new SecondTry({ clock, log: silentLog })
    const short = tries.run(call, work(lost(), delayed(500), delayed(700)).run)
    for (const ms of [0, 500, 700]) await clock.advance(ms)
    assert.equal(await short, 'done')
    await assert.rejects(tries.run(call, work(lost(), delayed(60_000)).run), { code: 'engine/not-ready' })
  })

  it('is not made for a caller who has gone', async () => {
    const tries = new SecondTry({ clock: createTestClock(), log: silentLog })
    const made = work(lost())
    await assert.rejects(tries.run({ model: 'a', signal: AbortSignal.abort() }, made.run), { code: 'engine/crashed' })
    assert.equal(made.runs, 1)
  })

  it('of a stream is made while nothing has come, and ends what it began', async () => {
    const tries = new SecondTry({ clock: createTestClock(), log: silentLog })
    let [runs, ended] = [0, 0]
    async function* pieces(lostBefore: number): AsyncGenerator<number, string, void> {
      const isFirst = runs++ === 0
      try {
        for (let piece = 0; piece < 3; piece++) {
          if (isFirst && piece === lostBefore) throw lost()
          yield piece
        }
        return 'done'
      } finally {
        ended += 1
      }
    }
    const seen: number[] = []
    for await (const piece of tries.stream(call, () => pieces(0))) seen.push(piece)
    assert.deepEqual([seen, runs, ended], [[0, 1, 2], 2, 2])
    runs = ended = 0
    await assert.rejects(Array.fromAsync(tries.stream(call, () => pieces(1))), { code: 'engine/crashed' })
    assert.deepEqual([runs, ended], [1, 1])
    runs = ended = 0
    for await (const _ of tries.stream(call, () => pieces(9))) break
    assert.deepEqual([runs, ended], [1, 1], 'whoever leaves early ends the work')
  })
})
