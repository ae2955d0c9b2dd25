export interface SchedulerLimits {
  /** Calls of one model that run at once. */
  readonly perModelMax: number
  /** Calls of all models that run at once. */
  readonly runningMax: number
  /** Calls of one model that wait. */
  readonly queueMax: number
  /** Calls of all models that wait. */
  readonly queuedMax: number
}

/** The calls of one model. */
export interface Line {
  /** Tickets, first come, first served. */
  readonly waiting: readonly number[]
  readonly running: number
}

export interface SchedulerState {
  /** Models with calls. The order is whose turn it is: one that had a turn, or has one, goes to the end. */
  readonly lines: ReadonlyMap<string, Line>
  readonly running: number
  readonly waiting: number
}

export type SchedulerEvent =
  | { readonly type: 'arrive'; readonly ticket: number; readonly model: string }
  /** The caller went away; nothing happens when the call has started already. */
  | { readonly type: 'leave'; readonly ticket: number; readonly model: string }
  | { readonly type: 'finish'; readonly model: string }

export type SchedulerEffect =
  | { readonly type: 'start'; readonly ticket: number; readonly model: string }
  | { readonly type: 'refuse'; readonly ticket: number; readonly model: string; readonly reason: 'model-queue' | 'all-queues' }

export const emptyScheduler: SchedulerState = { lines: new Map(), running: 0, waiting: 0 }
const noLine: Line = { waiting: [], running: 0 }

/** Whose call runs next: one step. Pure, so that the simulator can drive it. */
export function stepScheduler(
  state: SchedulerState,
  event: SchedulerEvent,
  limits: SchedulerLimits,
): { readonly state: SchedulerState; readonly effects: readonly SchedulerEffect[] } {
  const { model } = event
  const line = state.lines.get(model) ?? noLine
  if (event.type === 'arrive') {
    const reason = refusal(state, line, limits)
    if (reason) return { state, effects: [{ type: 'refuse', ticket: event.ticket, model, reason }] }
    return startCalls(withLine(state, model, { ...line, waiting: [...line.waiting, event.ticket] }), limits)
  }
  if (event.type === 'leave') {
    const waiting = line.waiting.filter((ticket) => ticket !== event.ticket)
    return startCalls(withLine(state, model, { ...line, waiting }), limits)
  }
  return startCalls(withLine(state, model, { ...line, running: line.running - 1 }, { toEnd: true }), limits)
}

function refusal(state: SchedulerState, line: Line, limits: SchedulerLimits): 'model-queue' | 'all-queues' | undefined {
  if (line.waiting.length >= limits.queueMax) return 'model-queue'
  return state.waiting >= limits.queuedMax ? 'all-queues' : undefined
}

function startCalls(state: SchedulerState, limits: SchedulerLimits): { state: SchedulerState; effects: SchedulerEffect[] } {
  const effects: SchedulerEffect[] = []
  let next = state
  while (next.running < limits.runningMax) {
    const model = nextModel(next, limits)
    if (model === undefined) break
    const [ticket, ...waiting] = next.lines.get(model)?.waiting ?? []
    if (ticket === undefined) break
    next = withLine(next, model, { waiting, running: (next.lines.get(model)?.running ?? 0) + 1 }, { toEnd: true })
    effects.push({ type: 'start', ticket, model })
  }
  return { state: next, effects }
}

function nextModel({ lines }: SchedulerState, { perModelMax }: SchedulerLimits): string | undefined {
  for (const [model, { waiting, running }] of lines) if (waiting.length > 0 && running < perModelMax) return model
  return undefined
}

/** The state with another line for a model, and the totals kept. */
function withLine(state: SchedulerState, model: string, line: Line, options: { readonly toEnd?: boolean } = {}): SchedulerState {
  const before = state.lines.get(model) ?? noLine
  const lines = new Map(state.lines)
  const isEmpty = line.waiting.length === 0 && line.running === 0
  if (isEmpty || options.toEnd) lines.delete(model)
  if (!isEmpty) lines.set(model, line)
  return {
    lines,
    running: state.running + line.running - before.running,
    waiting: state.waiting + line.waiting.length - before.waiting.length,
  }
}
