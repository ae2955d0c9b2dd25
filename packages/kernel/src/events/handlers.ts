import type { Clock } from '@soma/core'
import type { CallContext, Handlers, SomaEvent, ValidInput } from '@soma/spec'
import type { EventLog } from '@soma/store'
import { PAGE_ROWS } from '../limits.ts'
import { type Broadcast, wants } from './event-bus.ts'

export interface EventHandlerDeps {
  readonly clock: Clock
  readonly events: EventLog
  readonly bus: Broadcast<SomaEvent>
}

export function createEventHandlers(deps: EventHandlerDeps): Pick<Handlers, 'event.list' | 'event.subscribe'> {
  return {
    'event.list': ({ names, afterSeq, limit }, ctx) => listEvents(deps.events, { names, afterSeq, limit }, ctx),
    'event.subscribe': (input, ctx) => subscribe(deps, input, ctx),
  }
}

function visible(names: readonly string[], event: SomaEvent, ctx: CallContext): boolean {
  return wants(names, event) && ctx.allows(`event/${event.name}`, 'list') && ctx.allows(event.resource, 'list')
}

/** The newest events when there is no position to go on from, else those right after it. */
function listEvents(
  events: EventLog,
  { names, afterSeq, limit }: ValidInput<'event.list'>,
  ctx: CallContext,
): { events: SomaEvent[]; nextSeq: number } {
  const kept = [...pages(events, afterSeq ?? 0, events.lastSeq)].filter((event) => visible(names, event, ctx))
  const chosen = afterSeq === undefined ? kept.slice(-limit) : kept.slice(0, limit)
  const cut = chosen.length < kept.length && afterSeq !== undefined
  return { events: chosen, nextSeq: cut ? (chosen.at(-1)?.seq ?? 0) : events.lastSeq }
}

function* pages(events: EventLog, afterSeq: number, lastSeq: number): Generator<SomaEvent, void> {
  for (let seq = afterSeq; seq < lastSeq;) {
    const page = events.read({ afterSeq: seq, limit: PAGE_ROWS })
    yield* page
    seq = page.at(-1)?.seq ?? lastSeq
  }
}

/** Subscribes first and replays second, so that nothing falls between the two; what comes twice is sent once. */
async function* subscribe(
  { clock, events, bus }: EventHandlerDeps,
  { names, afterSeq }: ValidInput<'event.subscribe'>,
  ctx: CallContext,
): AsyncGenerator<SomaEvent, Record<string, never>, void> {
  using live = bus.subscribe(ctx.signal)
  let sent = afterSeq ?? events.lastSeq
  for (const event of pages(events, sent, events.lastSeq)) {
    sent = event.seq
    if (visible(names, event, ctx)) yield event
  }
  for await (const delivery of live) {
    if (delivery.kind === 'missed') yield missed(delivery.count, clock.now())
    else if (delivery.item.seq > sent && visible(names, delivery.item, ctx)) yield delivery.item
  }
  return {}
}

function missed(count: number, at: number): SomaEvent {
  return { seq: 0, at, name: 'event.missed', resource: 'event/event.missed', data: { count } }
}
