import { type Rng, createSeededRng } from '@soma/core'

/** When a model is called, in ms since the epoch. */
export interface Trace {
  readonly name: string
  readonly calls: readonly number[]
}

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
/** A Monday. */
const START = Date.UTC(2026, 0, 5)

/** Between -1 and 1, most often near 0. */
function around(rng: Rng): number {
  return rng.float() + rng.float() + rng.float() - 1.5
}

function exponential(rng: Rng, meanMs: number): number {
  return -meanMs * Math.log(1 - rng.float())
}

/** Every 45 minutes, give or take a minute, for two weeks: a sensor, a poll. */
export function periodic(seed = 1): Trace {
  const rng = createSeededRng(seed)
  const calls: number[] = []
  for (let at = START; at < START + 14 * DAY; at += 45 * MINUTE + around(rng) * MINUTE) calls.push(at)
  return { name: 'periodic', calls }
}

/** People at work: from nine, give or take a minute or two, to five, a call every few minutes with longer pauses; nobody at weekends. */
export function officeHours(seed = 2): Trace {
  const rng = createSeededRng(seed)
  const calls: number[] = []
  for (let day = 0; day < 28; day++) {
    if (day % 7 >= 5) continue
    let at = START + day * DAY + 9 * HOUR + around(rng) * 1.5 * MINUTE
    const end = START + day * DAY + 17 * HOUR + around(rng) * 20 * MINUTE
    for (; at < end; at += rng.float() < 0.1 ? 20 * MINUTE + exponential(rng, 30 * MINUTE) : exponential(rng, 2 * MINUTE)) calls.push(at)
  }
  return { name: 'office-hours', calls }
}

/** Jobs at 02:30 and 14:00, give or take a minute, which call three times each; and somebody now and then, once in two days. */
export function cron(seed = 3): Trace {
  const rng = createSeededRng(seed)
  const calls: number[] = []
  for (let day = 0; day < 28; day++) {
    for (const hour of [2.5, 14]) {
      const at = START + day * DAY + hour * HOUR + around(rng) * MINUTE
      calls.push(at, at + 20_000, at + 45_000)
    }
    if (rng.float() < 0.5) calls.push(START + day * DAY + rng.float() * DAY)
  }
  return { name: 'cron', calls: calls.sort((a, b) => a - b) }
}
