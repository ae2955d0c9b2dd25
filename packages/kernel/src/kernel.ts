import { SomaError } from '@soma/core'
import type { Dispatcher, Handlers, Metric, SomaEvent } from '@soma/spec'
import { type Store, recordDigest } from '@soma/store'
import type { AuditFacts } from './audit/entry.ts'
import { createAuditHandlers } from './audit/handlers.ts'
import { Journal, checkpointQuietly } from './audit/journal.ts'
import { CAPABILITY_KIND, Capabilities } from './capabilities/capabilities.ts'
import { type CapabilityEntry, toRecord } from './capabilities/entry.ts'
import { createCapabilityHandlers } from './capabilities/handlers.ts'
import { Tokens } from './capabilities/tokens.ts'
import type { KernelDeps } from './deps.ts'
import { ActiveCalls } from './dispatch/active-calls.ts'
import { KernelDispatcher } from './dispatch/dispatcher.ts'
import { Broadcast } from './events/event-bus.ts'
import { createEventHandlers } from './events/handlers.ts'
import { CallCounter } from './metrics.ts'

export interface CreateKernelDeps extends KernelDeps {
  readonly store: Store
}

/** The waist of the system: every call of every face passes here, and nowhere else. */
export interface Kernel extends Dispatcher {
  /** Tells subscribers of something that happened outside a call, such as an engine's crash. */
  emit(event: Pick<SomaEvent, 'name' | 'resource' | 'data'>): void
  /** Notes in the audit log what the system itself did: `system.started`. */
  note(name: string): void
  stats(): { readonly total: number; readonly failed: number; readonly active: number }
  metrics(): Metric[]
  /** Refuses new calls, lets those under way finish for `drainMs`, and ends the others. */
  drain(options: { readonly drainMs: number }): Promise<void>
  /** Notes that the system stops, and makes everything durable: the last step before the store is closed. */
  stop(): void
}

/** Calls ended at a stop get this long to clean up before they are given up. */
const ABORT_GRACE_MS = 2_000

/** Makes the kernel from the handlers of all packages; its own (capability, event, audit) are added here. */
export function createKernel(deps: CreateKernelDeps, handlers: Handlers): Kernel {
  const parts = createParts(deps)
  const { capabilities, tokens, active, journal, counter, charged, ends, events } = parts
  const state = { accepting: true }
  const own = {
    ...createCapabilityHandlers({ ...deps, capabilities, tokens, active }),
    ...createEventHandlers({ clock: deps.clock, events: deps.store.events, bus: events }),
    ...createAuditHandlers({ store: deps.store, journal, ends }),
  }
  const dispatcher = new KernelDispatcher({
    ...deps,
    handlers: { ...handlers, ...own },
    capabilities,
    tokens,
    active,
    journal,
    counter,
    charged,
    accepting: () => state.accepting,
  })
  return {
    dispatch: (caller, name, input, options) => dispatcher.dispatch(caller, name, input, options),
    mayCall: (caller, name) => dispatcher.mayCall(caller, name),
    authenticate: (token) => dispatcher.authenticate(token),
    emit: (event) => journal.noteEvent({ at: deps.clock.now(), ...event }),
    note: (name) => noteQuietly(deps, journal, name),
    stats: () => ({ ...counter.totals, active: active.size }),
    metrics: () => [
      ...counter.metrics(),
      { name: 'soma_calls_active', help: 'System calls under way.', type: 'gauge', samples: [{ labels: {}, value: active.size }] },
    ],
    drain: async ({ drainMs }) => {
      state.accepting = false
      await drain(deps, active, drainMs)
    },
    stop: () => {
      noteQuietly(deps, journal, 'system.stopped')
      journal.stop()
      checkpointQuietly(deps.store, deps.log)
    },
  }
}

function createParts(deps: CreateKernelDeps) {
  const capabilities = new Capabilities(deps)
  const tokens = new Tokens(deps)
  const charged = new Set<CapabilityEntry>()
  const events = new Broadcast<SomaEvent>()
  const ends = new Broadcast<number>()
  const journal = new Journal({ ...deps, events, ends, charged })
  capabilities.load(deps.store)
  tokens.load(deps.store)
  if (!capabilities.hasRoot) found(deps, capabilities, journal)
  return { capabilities, tokens, charged, events, ends, journal, active: new ActiveCalls(), counter: new CallCounter() }
}

/**
 * The first start of an installation: its first capabilities, and the log's first entry that says so. Once more when the
 * owner's root is damaged: without it nobody could do anything, and what was derived from it is lost with it.
 */
function found(deps: CreateKernelDeps, capabilities: Capabilities, journal: Journal): void {
  const initial = capabilities.initial()
  const writes = initial.map((entry) => ({ action: 'put', kind: CAPABILITY_KIND, key: entry.id, value: toRecord(entry) }) as const)
  const effects = writes.map(({ kind, key, value }) => ({ record: `${kind}/${key}`, digest: recordDigest(value) }))
  const name = deps.store.log.head.seq === 0 ? 'system.founded' : 'system.refounded'
  journal.commitSystem({ ...systemEntry(deps, name), effects }, writes)
  for (const entry of initial) capabilities.table.add(entry)
}

function systemEntry({ clock }: KernelDeps, name: string): AuditFacts {
  return { at: clock.now(), kind: 'system', name, principal: 'system', face: 'internal' }
}

/** What the system does by itself goes on when the log is full: it must be able to stop, above all. */
function noteQuietly(deps: KernelDeps, journal: Journal, name: string): void {
  try {
    journal.note(systemEntry(deps, name))
  } catch (error) {
    deps.log.error('the audit log does not say what the system did', { name, error })
  }
}

async function drain({ clock }: KernelDeps, active: ActiveCalls, drainMs: number): Promise<void> {
  const idle = active.idle()
  await within(clock, drainMs, idle)
  active.abortAll(new SomaError('daemon/stopping', 'the daemon is shutting down'))
  await within(clock, ABORT_GRACE_MS, idle)
}

/** Resolves with `work`, or after `limitMs`; no timer stays behind. */
async function within(clock: KernelDeps['clock'], limitMs: number, work: Promise<void>): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>()
  using _timer = clock.schedule(limitMs, resolve)
  await Promise.race([work, late])
}
