// Mixed load on a real daemon whose engines are killed at random: what was accepted must be answered, and rightly.
import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type ErrorCode, type Rng, type SomaError, createSeededRng, isSomaError, randomInteger } from '@soma/core'
import type { Soma } from '@soma/sdk'
import { type Priority, decodeValues, encodeValues } from '@soma/spec'
import { arithmeticModel } from '@soma/testkit/onnx'
import { type Recorded, recorded, tinyLlmFolder } from '@soma/testkit/tiny-llm'
import { until } from './attack.ts'
import { TestDaemon } from './daemon.ts'

export interface ChaosOptions {
  readonly seed: number
  readonly seconds: number
  readonly clients: number
  /** Mean pause between two kills. */
  readonly killEveryMs: number
  readonly report?: (line: string) => void
}

export interface ChaosOutcome {
  readonly answered: number
  /** Calls that ended with a typed error, by its code. */
  readonly failed: ReadonlyMap<ErrorCode, number>
  readonly cancelled: number
  readonly kills: number
}

/** What a call may be refused with, which must say when to try again: its model fell too often, or too many wait. */
const refusals: readonly ErrorCode[] = ['engine/not-ready', 'resource/exhausted']
/** A process that was killed takes calls until its end is noticed. */
const NOTICED_MS_MAX = 2000
/** The longest restart delay, and then some. */
const DELAY_MS_MAX = 90_000
const priorities: readonly Priority[] = ['realtime', 'interactive', 'normal', 'batch', 'idle']
/** No call may take longer, however often its engine is killed. */
const CALL_MS_MAX = 240_000

/** Runs the load and the kills, then checks that everything still works. @throws an assertion that names the seed. */
export async function runChaos(options: ChaosOptions): Promise<ChaosOutcome> {
  await using daemon = await TestDaemon.start()
  await using soma = await daemon.connect()
  const world = new ChaosWorld(daemon, soma, options)
  await world.install()
  return await world.run()
}

/** Those of one turn and a short answer, so that many fit into a run. */
const shortAnswers = recorded.filter(({ messages, answer }) => messages.length === 1 && answer.length < 60)

/** How far one call has come. */
interface Progress {
  readonly beganAt: number
  /** Its caller has seen a part of the answer. */
  isBegun: boolean
}
type Act = (urgency: { readonly priority: Priority }, signal: AbortSignal, progress: Progress) => Promise<void>

class ChaosWorld {
  readonly #daemon: TestDaemon
  readonly #soma: Soma
  readonly #options: ChaosOptions
  readonly #rng: Rng
  readonly #acts: readonly Act[]
  readonly #failed = new Map<ErrorCode, number>()
  #answered = 0
  #cancelled = 0
  readonly #killedAt: number[] = []
  #isOn = true

  constructor(daemon: TestDaemon, soma: Soma, options: ChaosOptions) {
    this.#daemon = daemon
    this.#soma = soma
    this.#options = options
    this.#rng = createSeededRng(options.seed)
    this.#acts = [
      async (urgency, signal) => await this.#echo(urgency, signal),
      async (urgency, signal) => await this.#add(urgency, signal),
      async (...how) => await this.#ask(shortAnswers[randomInteger(this.#rng, shortAnswers.length)] as Recorded, ...how),
    ]
  }

  async install(): Promise<void> {
    const folder = join(this.#daemon.home, 'chaos')
    await mkdir(folder, { recursive: true })
    await writeFile(join(folder, 'model.echo'), '{"infer": {"delayMs": 5}}')
    await writeFile(join(folder, 'sum.onnx'), arithmeticModel())
    const models = {
      echo: join(folder, 'model.echo'),
      sum: join(folder, 'sum.onnx'),
      tiny: fileURLToPath(new URL('model/tiny-llm.gguf', tinyLlmFolder)),
    }
    for (const [name, path] of Object.entries(models))
      for await (const _ of this.#soma.stream('model.install', { reference: `file/${path}`, name }));
  }

  async run(): Promise<ChaosOutcome> {
    const { clients, seconds, seed, report } = this.#options
    const loops = Array.from({ length: clients }, async () => await this.#client())
    const killing = this.#kill()
    await sleep(seconds * 1000)
    this.#isOn = false
    await Promise.all([...loops, killing])
    for (const act of this.#acts) await this.#settled(act, new AbortController().signal)
    await this.#checkEnd()
    const outcome = { answered: this.#answered, failed: this.#failed, cancelled: this.#cancelled, kills: this.#killedAt.length }
    const codes = [...this.#failed].map(([code, count]) => `${code} ${count}`).join(', ')
    report?.(
      `seed ${seed}: ${this.#killedAt.length} engines killed, ${this.#answered} calls answered, ${this.#cancelled} cancelled, failed: ${codes || 'none'}`,
    )
    return outcome
  }

  async #client(): Promise<void> {
    while (this.#isOn) {
      const act = this.#acts[randomInteger(this.#rng, this.#acts.length)] as Act
      const cancel = new AbortController()
      const isCancelled = this.#rng.float() < 0.05
      using _timer = isCancelled ? after(randomInteger(this.#rng, 40), () => cancel.abort()) : undefined
      await this.#tried(act, cancel.signal, isCancelled)
    }
  }

  /** Every call ends: with the right answer, refused with a time to come back, or because its engine was killed once too often. */
  async #tried(act: Act, signal: AbortSignal, isCancelled: boolean): Promise<void> {
    const priority = priorities[randomInteger(this.#rng, priorities.length)] as Priority
    using _late = after(CALL_MS_MAX, () => assert.fail(`seed ${this.#options.seed}: a call has not ended after ${CALL_MS_MAX} ms`))
    const progress: Progress = { beganAt: performance.now(), isBegun: false }
    try {
      await act({ priority }, signal, progress)
      this.#answered += 1
    } catch (error) {
      if (isCancelled && isSomaError(error, 'call/cancelled')) return void (this.#cancelled += 1)
      assert.ok(isSomaError(error) && this.#mayFail(error, progress), `seed ${this.#options.seed}: a call was lost: ${String(error)}`)
      this.#failed.set(error.code, (this.#failed.get(error.code) ?? 0) + 1)
      await sleep(20)
    }
  }

  /** One whose engine is killed under it is made again, once, unless a part of its answer was given away already. */
  #mayFail({ code, details }: SomaError, { beganAt, isBegun }: Progress): boolean {
    if (refusals.includes(code)) return typeof details['retryAfterMs'] === 'number'
    const kills = this.#killedAt.filter((at) => at >= beganAt - NOTICED_MS_MAX).length
    return code === 'engine/crashed' && kills >= (isBegun ? 1 : 2)
  }

  /** Once nobody kills any more, every model answers, after its restart delay at the latest. */
  async #settled(act: Act, signal: AbortSignal): Promise<void> {
    for (const deadline = performance.now() + DELAY_MS_MAX; ;)
      try {
        return await act({ priority: 'normal' }, signal, { beganAt: 0, isBegun: false })
      } catch (error) {
        if (!isSomaError(error, 'engine/not-ready') || performance.now() > deadline) throw error
        await sleep(Number(error.details['retryAfterMs'] ?? 200))
      }
  }

  async #kill(): Promise<void> {
    const { killEveryMs } = this.#options
    while (this.#isOn) {
      await sleep(randomInteger(this.#rng, killEveryMs * 2))
      const { processes } = await this.#soma.call('system.status', {})
      const victim = processes[randomInteger(this.#rng, Math.max(1, processes.length))]
      if (!victim) continue
      const signal = this.#rng.float() < 0.7 ? 'SIGKILL' : 'SIGSEGV'
      try {
        process.kill(victim.pid, signal)
        this.#killedAt.push(performance.now())
      } catch {
        // It has gone by itself meanwhile.
      }
    }
  }

  async #echo(urgency: { readonly priority: Priority }, signal: AbortSignal): Promise<void> {
    const value = randomInteger(this.#rng, 1_000_000)
    const x = { name: 'int32', dtype: 'int32', shape: [1], data: encodeValues('int32', [value]) } as const
    const { outputs } = await this.#soma.call('model.infer', { model: 'echo', inputs: [x], ...urgency }, { signal })
    this.#equal(outputs[0] && decodeValues('int32', outputs[0].data)[0], value)
  }

  async #add(urgency: { readonly priority: Priority }, signal: AbortSignal): Promise<void> {
    const value = randomInteger(this.#rng, 1000)
    const tensor = (name: string): { name: string; dtype: 'float32'; shape: number[]; data: Uint8Array } => {
      return { name, dtype: 'float32', shape: [2, 1], data: encodeValues('float32', [value, 1]) }
    }
    const { outputs } = await this.#soma.call(
      'model.infer',
      { model: 'sum', inputs: [tensor('a'), tensor('b')], outputs: ['sum'], ...urgency },
      { signal },
    )
    this.#equal(outputs[0] && decodeValues('float32', outputs[0].data)[0], value * 2)
  }

  async #ask({ messages, answer }: Recorded, ...[urgency, signal, progress]: Parameters<Act>): Promise<void> {
    const stream = this.#soma.stream('model.generate', { model: 'tiny', messages: [...messages], temperature: 0, ...urgency }, { signal })
    let text = ''
    for await (const piece of stream) {
      text += piece.text
      progress.isBegun = true
    }
    this.#equal(text, answer)
    this.#equal((await stream.output).text, answer)
  }

  #equal(actual: unknown, expected: unknown): void {
    assert.deepEqual(actual, expected, `seed ${this.#options.seed}: a wrong answer`)
  }

  /** Nothing runs any more that nobody asked for, and the log of what happened is whole. */
  async #checkEnd(): Promise<void> {
    const isQuiet = async (): Promise<boolean> => (await this.#soma.call('system.status', {})).calls.active === 1
    await until(isQuiet, `seed ${this.#options.seed}: no call is under way that nobody made`)
    const verified = await this.#soma.call('audit.verify', {})
    assert.equal(verified.ok, true, `seed ${this.#options.seed}: the audit log is damaged`)
  }
}

function after(delayMs: number, action: () => void): Disposable {
  const timer = setTimeout(action, delayMs)
  return { [Symbol.dispose]: () => clearTimeout(timer) }
}
