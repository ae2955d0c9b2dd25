import { NAME_LENGTH_MAX, SomaError, abortError, toSomaError } from '@soma/core'
import {
  type CallContext,
  type CallDefinition,
  type Caller,
  type Handlers,
  type Need,
  callDefinition,
  isCallName,
  leastNeedsOf,
  packFrame,
  parseInput,
} from '@soma/spec'
import type { AuditFacts, Outcome } from '../audit/entry.ts'
import type { Journal } from '../audit/journal.ts'
import type { Capabilities } from '../capabilities/capabilities.ts'
import type { CapabilityEntry } from '../capabilities/entry.ts'
import { charge } from '../capabilities/quota.ts'
import type { KernelDeps } from '../deps.ts'
import { attachmentsDigest, bodyBytes, headerDigest } from './digest.ts'
import { StagedEffects } from './effects.ts'
import type { AnyHandler, Run } from './run.ts'

/** What the steps work with. */
export interface StepDeps extends KernelDeps {
  readonly handlers: Handlers
  readonly capabilities: Capabilities
  readonly journal: Journal
  readonly charged: Set<CapabilityEntry>
  /** Whether the daemon still takes calls. */
  readonly accepting: () => boolean
}

/**
 * The steps of every call, the same for every caller, in this order. A step that throws ends the call; `end` then
 * still happens, so that a refusal leaves a trace too. `handle` gives an output, or a stream that `end` comes after.
 */
export const beforeHandling = [resolve, admit, validate, authorize, chargeQuota, begin] as const

/** Finds the row of the table and its handler. */
export function resolve(run: Run, { handlers, accepting }: StepDeps): void {
  if (!isCallName(run.name))
    throw new SomaError('call/unknown', `there is no call ${JSON.stringify(run.name.slice(0, 100))}; soma calls lists them`)
  const handler = handlers[run.name]
  if (!handler) throw new SomaError('call/unknown', `${run.name} is not served by this daemon`)
  if (!accepting() && run.name !== 'system.health')
    throw new SomaError('daemon/stopping', 'the daemon is shutting down and takes no new calls')
  run.definition = callDefinition(run.name)
  run.handler = handler as AnyHandler
}

/** Refuses who could not make the call with any input, before an input that may be large is looked at. */
export function admit(run: Run, { capabilities }: StepDeps): void {
  for (const need of leastNeeds(definitionOf(run))) capabilities.authorize({ caller: run.caller, need, inputBytes: 0 })
}

/** Checks the input against the call's schema, once: what comes after trusts it. */
export function validate(run: Run): void {
  run.input = parseInput(definitionOf(run).input, run.rawInput ?? {}, `the input of ${run.name}`)
  run.inputFrame = packFrame(run.input)
  run.inputBytes = bodyBytes(run.inputFrame)
}

/** Finds the capability for each thing the call needs. */
export function authorize(run: Run, { capabilities }: StepDeps): void {
  const { caller, inputBytes } = run
  const needs = definitionOf(run).right(run.input)
  run.capabilities = (isList(needs) ? needs : [needs]).map((need) => capabilities.authorize({ caller, need, inputBytes }))
}

/** Takes the call's cost from the quotas of those capabilities and of all they were derived from. */
export function chargeQuota(run: Run, { clock, charged }: StepDeps): void {
  const calls = definitionOf(run).cost?.(run.input).calls ?? 1
  for (const entry of charge(run.capabilities, calls, clock.now())) charged.add(entry)
}

/** Notes that the call begins, and starts hashing what it carries. */
export function begin(run: Run, { clock, journal }: StepDeps): void {
  const { inputFrame } = run
  run.begun = journal.note({ ...identity(run, clock.now()), kind: 'begin', ...(inputFrame && { input: headerDigest(inputFrame) }) })
  run.attachments = inputFrame ? attachmentsDigest(inputFrame) : null
  run.inputFrame = undefined
}

/** Calls the handler. */
export function handle(run: Run, deps: StepDeps): void {
  if (run.isAborted) throw abortError(run.signal)
  run.effects = new StagedEffects({ call: run.name, mutates: definitionOf(run).mutates ?? false, now: () => deps.clock.now() })
  run.outcome = run.handler?.(run.input, new RunContext(run, run.effects, deps))
}

/** What a handler sees of its run. Signal and log are made when asked for: many handlers need neither. */
class RunContext implements CallContext {
  readonly effects: StagedEffects
  readonly #run: Run
  readonly #deps: StepDeps

  constructor(run: Run, effects: StagedEffects, deps: StepDeps) {
    this.#run = run
    this.effects = effects
    this.#deps = deps
  }

  get callId(): CallContext['callId'] {
    return this.#run.callId
  }

  get caller(): Caller {
    return this.#run.caller
  }

  get signal(): AbortSignal {
    return this.#run.signal
  }

  /** The call is let in by what its first need is met with: what comes after is needed beside it. */
  get priorityMax(): CallContext['priorityMax'] {
    return this.#run.capabilities[0]?.grant.constraints.priorityMax
  }

  get log(): CallContext['log'] {
    return this.#deps.log.with({ call: this.#run.callId })
  }

  readonly allows: CallContext['allows'] = (resource, right) => this.#deps.capabilities.allows(this.#run.caller, resource, right)
}

/**
 * Makes the end durable: with the call's effects in one transaction if it changes something, else with its group.
 * Failing to commit fails the call, and is noted like any failure.
 */
export function end(run: Run, deps: StepDeps, attachments: string | null): void {
  try {
    if (run.definition?.mutates) commit(run, deps, attachments)
    else note(run, deps, attachments)
  } catch (thrown) {
    if (run.error) throw thrown
    run.error = toSomaError(thrown)
    note(run, deps, attachments)
  }
  if (!run.error) run.effects?.finish(reporter(run, deps))
}

/** For what must not throw and does: the call is over by then, and stays as it is. */
export function reporter({ callId, name }: Run, { log }: Pick<StepDeps, 'log'>): (thrown: unknown) => void {
  return (error) => log.error('an action after a call failed', { call: callId, name, error })
}

function commit(run: Run, deps: StepDeps, attachments: string | null): void {
  const { effects, begun, error } = run
  if (error || !effects || !begun) return note(run, deps, attachments)
  // Cancelled, revoked or stopped while the handler finished: whoever was told so must not find it done.
  if (run.isAborted) throw abortError(run.signal)
  effects.check()
  deps.journal.commit(begun, { at: deps.clock.now(), outcome: outcome(run, deps, attachments) }, effects)
}

function note(run: Run, deps: StepDeps, attachments: string | null): void {
  const now = deps.clock.now()
  const ended = outcome(run, deps, attachments)
  if (run.begun) deps.journal.end(run.begun, now, ended)
  else deps.journal.note({ ...identity(run, now), kind: 'end', ...ended })
  if (!run.error) for (const event of run.effects?.events ?? []) deps.journal.noteEvent(event)
}

/** Who called what, by which authority. */
function identity({ callId, caller, name, capabilities: [first] }: Run, at: number): Omit<AuditFacts, 'kind'> {
  const { principal, face } = caller
  return { at, call: callId, name: name.slice(0, NAME_LENGTH_MAX), principal, face, ...(first && { capability: first.id }) }
}

function outcome({ error, output, effects, startedAt }: Run, { clock }: StepDeps, attachments: string | null): Outcome {
  const durationUs = Math.round((clock.monotonic() - startedAt) * 1000)
  if (error) return { status: error.code, durationUs, ...(attachments !== null && { attachments }) }
  return {
    status: 'ok',
    durationUs,
    ...(output !== undefined && { output: headerDigest(packFrame(output)) }),
    ...(attachments !== null && { attachments }),
    ...(effects && effects.writes.length > 0 && { effects: effects.audited() }),
  }
}

function definitionOf(run: Run): NonNullable<Run['definition']> {
  if (!run.definition) throw new Error('broken invariant: resolve comes first')
  return run.definition
}

function isList(needs: Need | readonly Need[]): needs is readonly Need[] {
  return Array.isArray(needs)
}

const leastNeedsByCall = new Map<CallDefinition, readonly Need[]>()

/** Rows never change: each is asked once. */
export function leastNeeds(definition: CallDefinition): readonly Need[] {
  const known = leastNeedsByCall.get(definition)
  if (known) return known
  const needs = leastNeedsOf(definition)
  leastNeedsByCall.set(definition, needs)
  return needs
}
