/** One family of numbers that a face can expose for scraping, in the Prometheus data model. */
export interface Metric {
  /** `soma_<what>_<unit>`, with `_total` for counters. */
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly samples: readonly MetricSample[]
}

export interface MetricSample {
  /** For histograms: `_bucket`, `_sum` or `_count`. */
  readonly suffix?: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}
