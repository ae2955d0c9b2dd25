import { type CallId, type PrincipalId, randomId, toSomaError } from '@soma/core'
import { type Caller, type DispatchOptions, type Dispatched, type Dispatcher, callDefinition, isCallName } from '@soma/spec'
import type { Tokens } from '../capabilities/tokens.ts'
import type { CallCounter } from '../metrics.ts'
import type { ActiveCalls } from './active-calls.ts'
import { RunStream } from './run-stream.ts'
import { Run } from './run.ts'
import { type StepDeps, beforeHandling, end, handle, leastNeeds, reporter } from './steps.ts'

export interface DispatcherDeps extends StepDeps {
  readonly tokens: Tokens
  readonly active: ActiveCalls
  readonly counter: CallCounter
}

/** Runs every call of the system, from every face, through the same steps. */
export class KernelDispatcher implements Dispatcher {
  readonly #deps: DispatcherDeps
  /** Ids are a random part chosen at start and a count: unique, and cheaper than 16 random letters each. */
  readonly #idPrefix: string
  #count = 0

  constructor(deps: DispatcherDeps) {
    this.#deps = deps
    this.#idPrefix = randomId(deps.rng, 'call').slice(0, 'call_'.length + 8)
  }

  mayCall(caller: Caller, name: string): boolean {
    const { capabilities } = this.#deps
    return isCallName(name) && leastNeeds(callDefinition(name)).every((need) => capabilities.holds(caller, need))
  }

  authenticate(token: string): PrincipalId {
    return this.#deps.tokens.authenticate(token)
  }

  async dispatch(caller: Caller, name: string, input: unknown, options: DispatchOptions = {}): Promise<Dispatched> {
    const run = this.#start(caller, name, input, options.signal)
    options.onCallId?.(run.callId)
    try {
      this.#deps.active.add(run)
      for (const step of beforeHandling) step(run, this.#deps)
      handle(run, this.#deps)
      if (isGenerator(run.outcome)) return { kind: 'stream', callId: run.callId, stream: this.#stream(run, run.outcome) }
      run.output = isPromise(run.outcome) ? await run.outcome : run.outcome
    } catch (thrown) {
      run.error = run.failure(thrown)
    }
    await this.#finish(run)
    return { kind: 'output', callId: run.callId, output: run.output }
  }

  #start(caller: Caller, name: string, rawInput: unknown, signal: AbortSignal | undefined): Run {
    const callId = `${this.#idPrefix}${(this.#count++).toString(36).padStart(8, '0')}` as CallId
    return new Run({ callId, caller, name, rawInput, signal, startedAt: this.#deps.clock.monotonic() })
  }

  #stream(run: Run, generator: AsyncGenerator<unknown, unknown, void>): RunStream {
    return new RunStream(run, generator, { now: () => this.#deps.clock.now(), finish: async () => this.#finish(run) })
  }

  /** The last steps: `end`, then the reply, which is an error if there was one. */
  #finish(run: Run): void | Promise<void> {
    run.unlink()
    const { attachments } = run
    if (!isPromise(attachments)) return this.#end(run, attachments)
    return attachments.then(
      (digest) => this.#end(run, digest),
      (thrown: unknown) => {
        run.error ??= toSomaError(thrown)
        this.#end(run, null)
      },
    )
  }

  #end(run: Run, attachments: string | null): void {
    const { active, counter, clock, log } = this.#deps
    try {
      end(run, this.#deps, attachments)
    } catch (thrown) {
      run.error ??= toSomaError(thrown)
    }
    run.effects?.settle(reporter(run, this.#deps))
    active.delete(run)
    counter.count(run.definition ? run.name : 'unknown', run.error?.code ?? 'ok', clock.monotonic() - run.startedAt)
    if (run.error?.code === 'internal')
      log.error('a call failed for a reason of our own', { call: run.callId, name: run.name, error: run.error })
    if (run.error) throw run.error
  }
}

function isPromise(value: unknown): value is PromiseLike<unknown> & Promise<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

function isGenerator(value: unknown): value is AsyncGenerator<unknown, unknown, void> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value
}
