import { type Clock, type Log, SomaError, abortError, isSomaError } from '@soma/core'
import type { Child, ChildExit, ChildSpawner, CommandLine } from '@soma/host'
import { type EngineDescriptor, type SmiMethod, smiMethods } from '@soma/spec'
import { type Peer, createChannel, createPeer } from '@soma/wire'
import type { z } from 'zod'
import { startDeadline } from '../deadline.ts'
import { type EngineName, answeredFailure, lostEngine, wrongAnswer } from './engine-failure.ts'
import { CANCEL_GRACE_MS, EXIT_GRACE_MS, GENERATE_WINDOW, HANG_MS_MAX, HEALTH_INTERVAL_MS, HELLO_MS_MAX, STOP_GRACE_MS } from './limits.ts'
import { OrphanCalls } from './orphan-calls.ts'

/** An engine that this daemon can start. */
export interface EngineEntry {
  readonly descriptor: EngineDescriptor
  /** Program and arguments that speak SMI on stdin and stdout. */
  readonly command: CommandLine
  readonly env?: Readonly<Record<string, string>>
}

/** How long an engine may take for what; `limits.ts` has the reasons. */
export interface EngineTimes {
  readonly helloMsMax: number
  readonly healthIntervalMs: number
  readonly hangMsMax: number
  readonly cancelGraceMs: number
  readonly stopGraceMs: number
}

export const engineTimes: EngineTimes = {
  helloMsMax: HELLO_MS_MAX,
  healthIntervalMs: HEALTH_INTERVAL_MS,
  hangMsMax: HANG_MS_MAX,
  cancelGraceMs: CANCEL_GRACE_MS,
  stopGraceMs: STOP_GRACE_MS,
}

export interface EngineProcessDeps {
  readonly spawn: ChildSpawner['spawn']
  readonly clock: Clock
  readonly log: Log
  readonly times: EngineTimes
}

/** How a process came to its end. */
export interface EngineEnd extends ChildExit {
  /** Nobody wanted it to end: it crashed, hung, or broke the protocol. */
  readonly isFailure: boolean
}

export type SmiOutput<Method extends SmiMethod> = z.output<(typeof smiMethods)[Method]['output']>
/** The methods that answer piece by piece. */
export type StreamingSmiMethod = {
  [Method in SmiMethod]: (typeof smiMethods)[Method] extends { events: unknown } ? Method : never
}[SmiMethod]
export type SmiEvent<Method extends StreamingSmiMethod> = z.output<(typeof smiMethods)[Method]['events']>

/** Made anew for each call: it tells one from another. */
interface Waits {
  readonly signal: AbortSignal
}

/** A child process that is asked in SMI v1: what it answers is checked, what it fails with is explained, that it lives is watched. */
export class EngineConnection {
  /** Set by the owner when it knows; for messages and the log. */
  model: string | null = null
  /** Set by the owner: no more calls should come. A cancelled one does not end while others run well, or its device is gone. */
  lame: () => void = () => undefined
  /** Never rejects. */
  readonly ended: Promise<EngineEnd>
  readonly child: Child
  readonly #engine: string
  readonly #deps: EngineProcessDeps
  readonly #peer: Peer
  /** Calls whose callers wait. */
  readonly #open = new Set<object>()
  readonly #orphans: OrphanCalls
  #isLost = false
  #lostReason: unknown
  /** We end it; calls under way fail with this. */
  #endReason: SomaError | undefined
  #isFailure = true

  constructor(deps: EngineProcessDeps, engine: string, child: Child) {
    this.#deps = deps
    this.#engine = engine
    this.child = child
    this.#peer = createPeer(createChannel({ readable: child.stdout, writable: child.stdin }), {
      concurrencyMax: 0,
      streamWindow: GENERATE_WINDOW,
      lost: (reason) => this.#lost(reason),
    })
    this.#orphans = new OrphanCalls(
      {
        clock: deps.clock,
        busy: async () => (await this.health()).busy,
        open: () => this.#open,
        stuck: () => void this.kill(this.#stuck()),
        lame: () => this.lame(),
      },
      deps.times.cancelGraceMs,
    )
    this.ended = this.#watchEnd()
    // The first to hear of it, and heard of last: who waits for a place in this process finds it gone by then.
    void this.ended.then(() => this.#orphans.over())
  }

  get name(): EngineName {
    return { engine: this.#engine, model: this.model, pid: this.child.pid }
  }

  /** Calls that the engine works on. */
  get running(): number {
    return this.#open.size + this.#orphans.size
  }

  get isEnding(): boolean {
    return this.#endReason !== undefined || this.#isLost
  }

  /** @throws {SomaError} what the engine answered, `engine/crashed`, `engine/protocol`, or the signal's reason, at once. */
  async ask<Method extends SmiMethod>(method: Method, input: unknown, waits: Waits): Promise<SmiOutput<Method>> {
    let answer: unknown
    this.#open.add(waits)
    try {
      answer = await this.#peer.call(method, input, waits)
    } catch (error) {
      this.#close(waits, waits.signal.aborted)
      throw await this.#explain(error, waits.signal)
    } finally {
      this.#close(waits, false)
    }
    return this.#check(method, smiMethods[method].output as unknown as z.ZodType<SmiOutput<Method>>, answer)
  }

  /** Beside the calls: any time, and it counts as none of them. @throws {SomaError} as `ask`. */
  async health(waits?: Waits): Promise<SmiOutput<'health'>> {
    const answer = await this.#peer.call('health', {}, waits).catch(async (error: unknown) => {
      throw await this.#explain(error, waits?.signal)
    })
    return this.#check('health', smiMethods.health.output, answer)
  }

  /** As `ask`, for the events of a streaming method. Leaving the loop early cancels it. */
  async *stream<Method extends StreamingSmiMethod>(
    method: Method,
    input: unknown,
    waits: Waits,
  ): AsyncGenerator<SmiEvent<Method>, SmiOutput<Method>, void> {
    const { events, output } = smiMethods[method]
    let isAnswered = false
    this.#open.add(waits)
    try {
      const stream = this.#peer.stream(method, input, waits)
      for await (const event of stream) yield this.#check(method, events as unknown as z.ZodType<SmiEvent<Method>>, event)
      const answer = await stream.output
      isAnswered = true
      return this.#check(method, output as unknown as z.ZodType<SmiOutput<Method>>, answer)
    } catch (error) {
      isAnswered = !waits.signal.aborted && !isSomaError(error, 'engine/protocol')
      throw isSomaError(error, 'engine/protocol') ? error : await this.#explain(error, waits.signal)
    } finally {
      this.#close(waits, !isAnswered)
    }
  }

  /**
   * After a cancelled call: waits until the engine has really stopped working on it. One that has not within the grace time,
   * because it is stuck in native code, is ended as soon as it has no other calls: the next one would only wait inside it.
   * @param waits what the call was made with.
   * @returns undefined when there is nothing to wait for.
   */
  settle(waits: Waits): Promise<void> | undefined {
    return this.#orphans.settled(waits)
  }

  /** Lets the engine leave by itself, by closing its stdin, and kills it when it does not. */
  async stop(reason = new SomaError('engine/not-ready', `engine ${this.#engine} is being stopped; try again`)): Promise<EngineEnd> {
    this.#endReason ??= reason
    this.#isFailure = false
    void this.#peer[Symbol.asyncDispose]()
    using _grace = this.#deps.clock.schedule(this.#deps.times.stopGraceMs, () => void this.child.kill({ graceMs: 0 }))
    return await this.ended
  }

  /** Ends the process now; calls under way fail with `reason`. */
  async kill(reason: SomaError, options: { readonly isFailure?: boolean } = {}): Promise<EngineEnd> {
    if (!this.isEnding) this.#isFailure = options.isFailure ?? false
    this.#endReason ??= reason
    void this.child.kill({ graceMs: 0 })
    return await this.ended
  }

  /** From now on, while calls run, the engine must show from time to time that it is alive; one that hangs is ended. */
  watchHealth(): void {
    const { clock, times } = this.#deps
    let isAsking = false
    const look = (): void => {
      timer = clock.schedule(times.healthIntervalMs, look)
      if (isAsking || this.running === 0 || this.isEnding) return
      isAsking = true
      void this.#checkAlive().then(() => (isAsking = false))
    }
    let timer = clock.schedule(times.healthIntervalMs, look)
    void this.ended.then(() => timer[Symbol.dispose]())
  }

  #lost(reason: unknown): SomaError {
    this.#isLost = true
    this.#lostReason = reason
    // It speaks something else: there is no way to ask it to leave.
    if (isSomaError(reason)) void this.child.kill({ graceMs: 0 })
    return lostEngine(this.name, reason, { code: null, signal: null }, [])
  }

  /** The caller's own abort passes at once; a lost process is explained by how it ended. */
  async #explain(error: unknown, signal: AbortSignal | undefined): Promise<SomaError> {
    if (signal?.aborted) return abortError(signal)
    if (!this.isEnding) return this.#answered(error)
    const exit = await this.ended
    return this.#endReason ?? lostEngine(this.name, this.#lostReason, exit, this.child.lastLines())
  }

  /** Without its device a model is of no use: it should be loaded anew. */
  #answered(error: unknown): SomaError {
    const failure = answeredFailure(this.name, error)
    if (failure.code === 'engine/device-lost') this.lame()
    return failure
  }

  #check<T>(method: SmiMethod, schema: z.ZodType<T>, answer: unknown): T {
    const parsed = schema.safeParse(answer)
    if (parsed.success) return parsed.data
    throw wrongAnswer(this.name, method, parsed.error)
  }

  /** The caller has its answer, or has gone away while the engine still works on the call. */
  #close(waits: Waits, isOrphan: boolean): void {
    if (!this.#open.delete(waits)) return
    if (isOrphan && !this.isEnding) this.#orphans.add(waits)
    this.#orphans.closed()
  }

  #stuck(): SomaError {
    const { cancelGraceMs } = this.#deps.times
    return new SomaError(
      'engine/crashed',
      `engine ${this.#engine} was ended: it had not stopped a cancelled call after ${cancelGraceMs} ms`,
    )
  }

  async #watchEnd(): Promise<EngineEnd> {
    const { clock, log } = this.#deps
    // Something that the engine started may hold its stdout open after it.
    void this.child.exited.then(() => clock.schedule(EXIT_GRACE_MS, () => this.child.stdout.destroy()))
    await this.#peer.closed
    using _grace = clock.schedule(EXIT_GRACE_MS, () => void this.child.kill({ graceMs: 0 }))
    const exit = await this.child.exited
    this.#isLost = true
    if (this.#isFailure) log.warn('an engine process ended unexpectedly', { ...this.name, ...exit })
    return { ...exit, isFailure: this.#isFailure }
  }

  async #checkAlive(): Promise<void> {
    const { clock, times } = this.#deps
    const { hangMsMax } = times
    const hung = (): SomaError =>
      new SomaError('engine/crashed', `engine ${this.#engine} was ended: it hung, without a sign of life for ${hangMsMax} ms`, {
        details: { ...this.name, hangMsMax },
      })
    using deadline = startDeadline(clock, hangMsMax, hung)
    // Any answer is a sign of life, a refusal too.
    await this.#peer.call('health', {}, { signal: deadline.signal }).catch(() => undefined)
    if (deadline.passed && !this.isEnding) await this.kill(hung(), { isFailure: true })
  }
}
