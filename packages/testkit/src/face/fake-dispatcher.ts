import { type CallId, OWNER, type PrincipalId, SomaError, abortError, randomId, createSeededRng, toSomaError } from '@soma/core'
import {
  type CallDefinition,
  type CallOptions,
  type CallStream,
  type Caller,
  type DispatchOptions,
  type Dispatched,
  type Dispatcher,
  callDefinition,
  callNames,
  isCallName,
  jsonSchema,
} from '@soma/spec'
import fc from 'fast-check'
import { arbitraryOf } from './arbitrary.ts'

/** The token that `FakeDispatcher` takes. */
export const FAKE_TOKEN = 'soma_0123456789abcdef_fake'

/** How a test has one call behave instead of answering by its schema: an output, a promise of one, or for a streaming call a generator. */
export type FakeHandler = (input: unknown, ctx: { readonly signal: AbortSignal }) => unknown

export interface FakeCall {
  readonly caller: Caller
  readonly name: string
  /** As validated. */
  readonly input: unknown
}

/**
 * A kernel without a system behind it: validates inputs as the real one does, then answers every call of the table
 * with values made from its schemas, the same for the same input.
 */
export class FakeDispatcher implements Dispatcher {
  readonly handlers = new Map<string, FakeHandler>()
  readonly calls: FakeCall[] = []
  /** Calls and streams that have begun and not ended. */
  active = 0
  readonly #rng = createSeededRng(1)

  authenticate(token: string): PrincipalId {
    if (token === FAKE_TOKEN) return OWNER
    throw new SomaError('capability/unauthenticated', 'the token is unknown')
  }

  mayCall(): boolean {
    return true
  }

  async dispatch(caller: Caller, name: string, input: unknown, options: DispatchOptions = {}): Promise<Dispatched> {
    const callId = randomId(this.#rng, 'call') as CallId
    options.onCallId?.(callId)
    if (!isCallName(name)) throw new SomaError('call/unknown', `there is no call "${name}"`)
    const definition = callDefinition(name)
    const valid = validate(definition, input)
    this.calls.push({ caller, name, input: valid })
    const signal = options.signal ?? new AbortController().signal
    const outcome = (this.handlers.get(name) ?? answerOf(definition))(valid, { signal })
    if (definition.events) {
      this.active += 1
      return {
        kind: 'stream',
        callId,
        stream: new FakeStream(outcome as AsyncGenerator<unknown, unknown, void>, signal, () => (this.active -= 1)),
      }
    }
    return { kind: 'output', callId, output: await this.#unary(outcome, signal) }
  }

  async #unary(outcome: unknown, signal: AbortSignal): Promise<unknown> {
    this.active += 1
    try {
      return await outcome
    } catch (error) {
      throw signal.aborted ? abortError(signal) : toSomaError(error)
    } finally {
      this.active -= 1
    }
  }
}

function validate(definition: CallDefinition, input: unknown): unknown {
  const parsed = definition.input.safeParse(input)
  if (parsed.success) return parsed.data
  const issues = parsed.error.issues.map(({ path, message }) => ({ field: path.join('.'), message }))
  throw new SomaError('call/invalid-input', `${definition.name}: ${issues[0]?.field} ${issues[0]?.message}`, { details: { issues } })
}

/** What a call answers when a test has nothing else in mind. */
function answerOf(definition: CallDefinition): FakeHandler {
  if (definition.name === 'system.echo') return (input) => input
  return definition.events
    ? (input) => generated(definition, input)
    : (input) => sampleOf(definition.output, seedOf(definition.name, input), 1)[0]
}

async function* generated(definition: CallDefinition, input: unknown): AsyncGenerator<unknown, unknown, void> {
  const seed = seedOf(definition.name, input)
  if (definition.events) yield* sampleOf(definition.events, seed, 3)
  return sampleOf(definition.output, seed, 1)[0]
}

const arbitraries = new Map<CallDefinition['output'], fc.Arbitrary<unknown>>()

function sampleOf(schema: CallDefinition['output'], seed: number, count: number): unknown[] {
  const arbitrary = arbitraries.get(schema) ?? arbitraryOf(jsonSchema(schema, 'output'))
  arbitraries.set(schema, arbitrary)
  return fc.sample(arbitrary, { seed, numRuns: count })
}

/** FNV-1a: any number will do that differs with the input. */
function seedOf(name: string, input: unknown): number {
  const text = name + JSON.stringify(input, (_key, value: unknown) => (value instanceof Uint8Array ? [...value] : value))
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  return hash | 0
}

/** A stream that pulls its generator only as it is read, as the kernel's does. */
class FakeStream implements CallStream<unknown, unknown> {
  readonly #events: AsyncGenerator<unknown, unknown, void>
  readonly #signal: AbortSignal
  readonly #output = Promise.withResolvers<unknown>()
  readonly #ended: () => void

  constructor(events: AsyncGenerator<unknown, unknown, void>, signal: AbortSignal, ended: () => void) {
    this.#events = events
    this.#signal = signal
    this.#ended = ended
    this.#output.promise.catch(() => undefined)
  }

  get output(): Promise<unknown> {
    return this.#output.promise
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<unknown, void, void> {
    try {
      for (let step = await this.#events.next(); ; step = await this.#events.next()) {
        if (step.done) return this.#output.resolve(step.value)
        yield step.value
      }
    } catch (error) {
      const failure = this.#signal.aborted ? abortError(this.#signal) : toSomaError(error)
      this.#output.reject(failure)
      throw failure
    } finally {
      this.#output.reject(new SomaError('call/cancelled', 'the reader left the stream'))
      await this.#events.return(undefined)
      this.#ended()
    }
  }
}

/** The calls of the table by kind, for suites that go through all of them. */
export const callsOfTable: ReadonlyArray<{ readonly name: string; readonly definition: CallDefinition; readonly streaming: boolean }> =
  callNames.map((name) => ({ name, definition: callDefinition(name), streaming: callDefinition(name).events !== undefined }))

/** What any client looks like to a suite that takes its calls from the table. */
export interface AnyCalls {
  call(name: string, input: unknown, options?: CallOptions): Promise<unknown>
  stream(name: string, input: unknown, options?: CallOptions): CallStream<unknown, unknown>
}
