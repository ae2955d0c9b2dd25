import type { Metric, MetricSample } from '@soma/spec'

/** Upper bounds of the latency histogram, in seconds: from an echo to a slow generation. */
const BUCKETS_S = [0.0001, 0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60]

interface Latency {
  readonly buckets: number[]
  count: number
  sumS: number
}

/** Counts calls by name and outcome, and how long they took. */
export class CallCounter {
  readonly #outcomes = new Map<string, { readonly name: string; readonly status: string; count: number }>()
  readonly #latencies = new Map<string, Latency>()
  #total = 0
  #failed = 0

  count(name: string, status: string, durationMs: number): void {
    this.#total++
    if (status !== 'ok') this.#failed++
    const key = `${name} ${status}`
    const outcome = this.#outcomes.get(key)
    if (outcome) outcome.count++
    else this.#outcomes.set(key, { name, status, count: 1 })
    this.#observe(name, durationMs / 1000)
  }

  get totals(): { readonly total: number; readonly failed: number } {
    return { total: this.#total, failed: this.#failed }
  }

  #observe(name: string, durationS: number): void {
    let latency = this.#latencies.get(name)
    if (!latency) this.#latencies.set(name, (latency = { buckets: BUCKETS_S.map(() => 0), count: 0, sumS: 0 }))
    const bucket = BUCKETS_S.findIndex((bound) => durationS <= bound)
    if (bucket >= 0) latency.buckets[bucket] = (latency.buckets[bucket] ?? 0) + 1
    latency.count++
    latency.sumS += durationS
  }

  metrics(): Metric[] {
    const calls = [...this.#outcomes.values()].map(({ name, status, count }) => ({ labels: { call: name, status }, value: count }))
    return [
      { name: 'soma_calls_total', help: 'System calls by name and outcome.', type: 'counter', samples: calls },
      {
        name: 'soma_call_duration_seconds',
        help: 'Time from arrival to the end of a system call.',
        type: 'histogram',
        samples: [...this.#latencies].flatMap(histogram),
      },
    ]
  }
}

function histogram([call, { buckets, count, sumS }]: [string, Latency]): MetricSample[] {
  let below = 0
  const cumulative = BUCKETS_S.map((bound, index) => ({
    suffix: '_bucket',
    labels: { call, le: String(bound) },
    value: (below += buckets[index] ?? 0),
  }))
  return [
    ...cumulative,
    { suffix: '_bucket', labels: { call, le: '+Inf' }, value: count },
    { suffix: '_sum', labels: { call }, value: sumS },
    { suffix: '_count', labels: { call }, value: count },
  ]
}
