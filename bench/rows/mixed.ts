import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Priority } from '@soma/spec'
import { slowModel } from '@soma/testkit/onnx'
import { type BenchDaemon, startDaemon } from '../daemon.ts'
import { type Row, figures } from '../measure.ts'

interface Arrival {
  readonly atMs: number
  readonly priority: Priority
}

/** Five classes, 200 requests in 2.4 seconds: batch work comes in piles, people come all the time. */
const trace: readonly Arrival[] = [
  ...arrivals('batch', 112, (index) => Math.floor(index / 14) * 290),
  ...arrivals('idle', 18, (index) => Math.floor(index / 6) * 800),
  ...arrivals('interactive', 40, (index) => 20 + index * 58),
  ...arrivals('normal', 20, (index) => 40 + index * 117),
  ...arrivals('realtime', 10, (index) => 70 + index * 233),
]

function arrivals(priority: Priority, count: number, atMs: (index: number) => number): Arrival[] {
  return Array.from({ length: count }, (_, index) => ({ atMs: atMs(index), priority }))
}

/** What one run of the trace gave. */
interface Outcome {
  readonly interactiveP95: number
  /** Batch calls a second, until the last of them was done. */
  readonly batchRate: number
}

async function play({ soma }: BenchDaemon, priorityOf: (arrival: Arrival) => Priority): Promise<Outcome> {
  const x = { name: 'x', dtype: 'float32', shape: [256, 256], data: new Uint8Array(256 * 256 * 4) } as const
  const interactive: number[] = []
  const began = performance.now()
  let batchEnd = began
  const one = async (arrival: Arrival): Promise<void> => {
    if (arrival.atMs > 0) await sleep(arrival.atMs)
    const asked = performance.now()
    await soma.call('model.infer', { model: 'slow', inputs: [x], priority: priorityOf(arrival) })
    if (arrival.priority === 'interactive') interactive.push(performance.now() - asked)
    if (arrival.priority === 'batch') batchEnd = performance.now()
  }
  await Promise.all(trace.map(one))
  const sorted = interactive.toSorted((a, b) => a - b)
  const batch = trace.filter(({ priority }) => priority === 'batch').length
  return { interactiveP95: sorted[Math.floor(sorted.length * 0.95)] ?? 0, batchRate: (batch * 1000) / (batchEnd - began) }
}

export const mixed: Row = {
  name: 'mixed-trace',
  what: 'p95 of interactive calls in a trace of five classes and 200 requests on one model',
  against: 'the same trace without classes: first come, first served',
  unit: 'ms',
  target: '≤ 0.3×, batch throughput ≥ 0.9×',
  met: (ours, reference, { 'batch throughput ×': batch = 0 }) => ours.p50 <= 0.3 * reference.p50 && batch >= 0.9,
  async setUp() {
    const folder = await mkdtemp(join(tmpdir(), 'soma-bench-'))
    const path = join(folder, 'slow.onnx')
    await writeFile(path, slowModel(256, 20))
    const daemon = await startDaemon(['[models]', 'threads = 1'])
    await daemon.install(path, 'slow')
    await daemon.soma.call('model.load', { model: 'slow' })
    const rates: [ours: number[], reference: number[]] = [[], []]
    const side = async (index: 0 | 1, priorityOf: (arrival: Arrival) => Priority): Promise<number> => {
      const { interactiveP95, batchRate } = await play(daemon, priorityOf)
      rates[index].push(batchRate)
      return interactiveP95
    }
    return {
      ours: () => side(0, ({ priority }) => priority),
      reference: () => side(1, () => 'normal'),
      warmups: 1,
      samples: 5,
      extra: () => ({ 'batch throughput ×': figures(rates[0]).p50 / figures(rates[1]).p50 }),
      [Symbol.asyncDispose]: async () => {
        await daemon[Symbol.asyncDispose]()
        await rm(folder, { recursive: true, force: true })
      },
    }
  },
}
