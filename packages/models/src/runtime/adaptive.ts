/**
 * When an adaptive model is in memory, from when it was called before. Two habits are looked for: how long after a call the next
 * one comes, and at which time of the day the first call after a long silence comes. A window of time in which calls are expected
 * is worth being in memory for if the calls it meets, each of them worth so many seconds of memory, outweigh the seconds held.
 */

/** What one call that finds its model in memory is worth, in time of holding it: what an idle timeout of this length assumes, too. */
export const CALL_WORTH_MS = 300_000
/** Habits are those of the last so many calls. */
export const SAMPLES_MAX = 128
/** Fewer say nothing. */
const SAMPLES_MIN = 3
/** After so long a silence a call is a first one of its day. */
const SILENCE_MS = 2 * 3_600_000
const DAY_MS = 24 * 3_600_000
/** Two samples so far apart, or by this share of their size, belong to different habits. */
const CLUSTER = { gapMs: 60_000, share: 0.05 } as const
/** By this share of what all calls are worth. */
const BETTER = 0.05
/** Few samples lie close together by chance, too: a window must be worth so many times what it costs. */
const SURE = 1.5
/** A window begins so long before the earliest and ends so long after the latest call that was seen in it, and by this share of its width. */
const MARGIN = { ms: 5_000, share: 0.1 } as const
/** Until habits are known: as models do for which nothing is set. */
const KEEP_MS_AT_FIRST = 300_000

/** What is remembered of a model's calls. Times are milliseconds since the epoch. */
export interface Habits {
  readonly lastAt: number | null
  readonly firstAt: number | null
  /** Times between calls, newest last. */
  readonly gaps: readonly number[]
  /** Of first calls after a silence, newest last. */
  readonly firsts: readonly number[]
}

export const noHabits: Habits = { lastAt: null, firstAt: null, gaps: [], firsts: [] }

/** A stretch of time in which a call is expected. */
export interface Window {
  readonly from: number
  readonly to: number
}

/** Times that lie close together, with the window that meets them. */
interface Cluster extends Window {
  readonly samples: readonly number[]
}

export function observe({ lastAt, firstAt, gaps, firsts }: Habits, at: number): Habits {
  const gap = lastAt === null ? undefined : Math.max(0, at - lastAt)
  return {
    lastAt: at,
    firstAt: firstAt ?? at,
    gaps: gap === undefined ? gaps : [...gaps, gap].slice(-SAMPLES_MAX),
    firsts: gap === undefined || gap >= SILENCE_MS ? [...firsts, at].slice(-SAMPLES_MAX) : firsts,
  }
}

/**
 * How long the model stays after a call: so long that the calls met outweigh the time held. What is a little better than the usual
 * time by the few calls that were seen is not better.
 */
export function keepMsAfterCall({ gaps }: Habits): number {
  if (gaps.length < SAMPLES_MIN) return KEEP_MS_AT_FIRST
  const gainOf = (keepMs: number): number => gaps.reduce((gain, gap) => gain + (gap <= keepMs ? CALL_WORTH_MS - gap : -keepMs), 0)
  const usual = gainOf(KEEP_MS_AT_FIRST) + gaps.length * CALL_WORTH_MS * BETTER
  let best = { keepMs: KEEP_MS_AT_FIRST, gain: usual }
  for (const keepMs of [0, ...gaps.map((gap) => gap + MARGIN.ms)]) {
    const gain = gainOf(keepMs)
    if (gain > best.gain) best = { keepMs, gain }
  }
  return best.keepMs
}

/** The next stretch of time after `after` for which it is worth being in memory; undefined when no habit is known. */
export function nextWindow(habits: Habits, after: number): Window | undefined {
  const windows = [...gapWindows(habits, after), ...dayWindows(habits, after)].filter(({ to }) => to > after)
  return windows.sort((a, b) => a.from - b.from)[0]
}

/** By the time since the last call: of the calls that came later than it is now, many came at about the same time. */
function gapWindows({ gaps, lastAt }: Habits, after: number): Window[] {
  if (lastAt === null) return []
  const later = gaps.filter((gap) => gap > after - lastAt)
  return clusters(later)
    .filter((cluster) => isWorthIt(cluster, later.filter((gap) => gap > cluster.to).length))
    .map(({ from, to }) => ({ from: lastAt + from, to: lastAt + to }))
}

/** By the time of the day, on the days of the week on which it happened. */
function dayWindows({ firsts }: Habits, after: number): Window[] {
  const today = Math.floor(after / DAY_MS)
  const first = Math.floor((firsts[0] ?? after) / DAY_MS)
  const windows: Window[] = []
  for (const cluster of clusters(firsts.map((at) => at % DAY_MS))) {
    const isIn = (at: number): boolean => at % DAY_MS >= cluster.from && at % DAY_MS <= cluster.to
    const weekdays = new Set(firsts.filter(isIn).map((at) => weekdayOf(Math.floor(at / DAY_MS))))
    const days = Array.from({ length: today - first }, (_, day) => first + day).filter((day) => weekdays.has(weekdayOf(day)))
    if (!isWorthIt(cluster, Math.max(0, days.length - cluster.samples.length))) continue
    const next = [0, 1, 2, 3, 4, 5, 6, 7]
      .map((more) => today + more)
      .find((day) => weekdays.has(weekdayOf(day)) && day * DAY_MS + cluster.to > after)
    if (next !== undefined) windows.push({ from: next * DAY_MS + cluster.from, to: next * DAY_MS + cluster.to })
  }
  return windows
}

function weekdayOf(day: number): number {
  return day % 7
}

/** Held until the call where one comes, and for the whole window where none does. */
function isWorthIt({ samples, from, to }: Cluster, misses: number): boolean {
  const heldMs = samples.reduce((sum, sample) => sum + sample - from, misses * (to - from))
  return samples.length >= SAMPLES_MIN && samples.length * CALL_WORTH_MS > SURE * heldMs
}

/** Samples that lie close together, with the window that meets them. */
function clusters(samples: readonly number[]): Cluster[] {
  const groups: number[][] = []
  for (const sample of [...samples].sort((a, b) => a - b)) {
    const group = groups.at(-1)
    const last = group?.at(-1)
    if (group && last !== undefined && sample - last <= Math.max(CLUSTER.gapMs, sample * CLUSTER.share)) group.push(sample)
    else groups.push([sample])
  }
  return groups.map((group) => windowOf(group))
}

function windowOf(samples: readonly number[]): Cluster {
  const first = samples[0] ?? 0
  const last = samples.at(-1) ?? first
  const margin = MARGIN.ms + (last - first) * MARGIN.share
  return { samples, from: Math.max(0, first - margin), to: last + margin }
}
