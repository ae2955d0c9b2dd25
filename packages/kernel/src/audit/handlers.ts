import { setImmediate as nextTurn } from 'node:timers/promises'
import { throwIfAborted } from '@soma/core'
import type { AuditEntry, CallContext, CallOutput, Handlers, ValidInput } from '@soma/spec'
import type { Store } from '@soma/store'
import type { Broadcast } from '../events/event-bus.ts'
import { PAGE_ROWS } from '../limits.ts'
import { decodeEntry } from './entry.ts'
import type { Journal } from './journal.ts'
import { verifyAudit } from './verify.ts'

export interface AuditHandlerDeps {
  readonly store: Store
  readonly journal: Journal
  /** Told after every commit. */
  readonly ends: Broadcast<number>
}

type Listed = CallOutput<'audit.list'>
type Wanted = Pick<Handlers, 'audit.list' | 'audit.tail' | 'audit.verify' | 'audit.checkpoint'>

export function createAuditHandlers(deps: AuditHandlerDeps): Wanted {
  const { store, journal } = deps
  return {
    'audit.list': ({ afterSeq, call, limit }, { signal }) => {
      journal.flush()
      return call === undefined ? listEntries(store, afterSeq, limit) : findCall(store, call, { limit, signal })
    },
    'audit.tail': (input, ctx) => tail(deps, input, ctx),
    'audit.verify': (_input, { signal }) => {
      journal.flush()
      return verifyAudit(store, signal)
    },
    'audit.checkpoint': () => {
      journal.flush()
      return { checkpoint: store.log.checkpoint() }
    },
  }
}

function listEntries(store: Store, afterSeq: number | undefined, limit: number): Listed {
  const entries = (afterSeq === undefined ? store.log.last(limit) : store.log.read({ afterSeq, limit })).map(decodeEntry)
  return { entries, nextSeq: entries.at(-1)?.seq ?? afterSeq ?? 0 }
}

/** Backwards from the end, because a call asked for is nearly always a recent one; a page at a time, because it may be an old one. */
async function findCall(store: Store, call: string, options: { readonly limit: number; readonly signal: AbortSignal }): Promise<Listed> {
  const nextSeq = store.log.head.seq
  const found: AuditEntry[] = []
  for (let end = nextSeq; end > 0 && !found.some(({ kind }) => kind === 'begin' || kind === 'call'); end -= PAGE_ROWS) {
    const page = store.log.read({ afterSeq: Math.max(0, end - PAGE_ROWS), limit: Math.min(PAGE_ROWS, end) })
    const mentions = page.filter(({ body }) => body.includes(call)).map(decodeEntry)
    found.unshift(...mentions.filter((entry) => entry.call === call))
    await nextTurn()
    throwIfAborted(options.signal)
  }
  return { entries: found.slice(0, options.limit), nextSeq }
}

async function* tail(
  { store, journal, ends }: AuditHandlerDeps,
  { last }: ValidInput<'audit.tail'>,
  ctx: CallContext,
): AsyncGenerator<AuditEntry, Record<string, never>, void> {
  using live = ends.subscribe(ctx.signal)
  journal.flush()
  let sent = store.log.head.seq
  for (const entry of last > 0 ? store.log.last(last) : []) yield decodeEntry(entry)
  // The log itself is the buffer: a delivery only says that there is more to read, however much was missed.
  for await (const _ of live) {
    for (
      let page = store.log.read({ afterSeq: sent, limit: PAGE_ROWS });
      page.length > 0;
      page = store.log.read({ afterSeq: sent, limit: PAGE_ROWS })
    ) {
      sent = page.at(-1)?.seq ?? sent
      yield* page.map(decodeEntry)
    }
  }
  return {}
}
