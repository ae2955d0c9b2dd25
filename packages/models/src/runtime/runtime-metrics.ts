import type { Metric } from '@soma/spec'
import type { Budget } from './residents.ts'

export interface RuntimeNumbers {
  readonly calls: { readonly waiting: number; readonly running: number }
  readonly budgets: readonly Budget[]
  readonly engines: ReadonlyArray<{ readonly id: string; readonly restarts: number }>
}

/** What `/metrics` shows of models. */
export function runtimeMetrics({ calls, budgets, engines }: RuntimeNumbers): Metric[] {
  return [
    {
      name: 'soma_model_calls',
      help: 'Calls of models that wait for their turn, or run.',
      type: 'gauge',
      samples: Object.entries({ waiting: calls.waiting, running: calls.running }).map(([state, value]) => ({ labels: { state }, value })),
    },
    {
      name: 'soma_model_memory_bytes',
      help: 'Memory that models take, and may take, by device.',
      type: 'gauge',
      samples: budgets.flatMap(({ device, limitBytes, usedBytes }) => [
        { labels: { device, of: 'used' }, value: usedBytes },
        { labels: { device, of: 'limit' }, value: limitBytes },
      ]),
    },
    {
      name: 'soma_engine_failures_total',
      help: 'Engine processes that crashed, hung, broke the protocol or did not start.',
      type: 'counter',
      samples: engines.map(({ id, restarts }) => ({ labels: { engine: id }, value: restarts })),
    },
  ]
}
