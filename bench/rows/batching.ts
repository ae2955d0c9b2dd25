import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeValues } from '@soma/spec'
import { writeOnnxModel } from '@soma/testkit/onnx'
import { type BenchDaemon, startDaemon } from '../daemon.ts'
import { type Row, figures } from '../measure.ts'

const WIDTH = 768
const LAYERS = 8
const CLIENTS = 32
const CALLS_EACH = 10

/** A small network of dense layers, 19 MB: alone, a row of input costs reading all of its weights. */
function denseLayers(): Uint8Array {
  const weights = encodeValues(
    'float32',
    Array.from({ length: WIDTH * WIDTH }, (_, index) => Math.sin(index) / WIDTH),
  )
  const name = (index: number): string => (index === 0 ? 'x' : index === LAYERS ? 'y' : `h${index}`)
  return writeOnnxModel({
    inputs: [{ name: 'x', dtype: 'float32', shape: ['batch', WIDTH] }],
    outputs: [{ name: 'y', dtype: 'float32', shape: ['batch', WIDTH] }],
    nodes: Array.from({ length: LAYERS }, (_, index) => ({
      op: 'MatMul',
      inputs: [name(index), `w${index}`],
      outputs: [name(index + 1)],
    })),
    initializers: Array.from({ length: LAYERS }, (_, index) => ({
      name: `w${index}`,
      dtype: 'float32',
      shape: [WIDTH, WIDTH],
      data: weights,
    })),
  })
}

/** @returns requests a second; every latency goes into `latencies`. */
async function load({ soma }: BenchDaemon, model: string, latencies: number[]): Promise<number> {
  const x = { name: 'x', dtype: 'float32', shape: [1, WIDTH], data: new Uint8Array(WIDTH * 4) } as const
  const client = async (): Promise<void> => {
    for (let call = 0; call < CALLS_EACH; call++) {
      const began = performance.now()
      await soma.call('model.infer', { model, inputs: [x] })
      latencies.push(performance.now() - began)
    }
  }
  const began = performance.now()
  await Promise.all(Array.from({ length: CLIENTS }, client))
  return (CLIENTS * CALLS_EACH * 1000) / (performance.now() - began)
}

export const batching: Row = {
  name: 'onnx-batching',
  what: 'an ONNX model of dense layers (19 MB), 32 clients, one row each, dynamic batching',
  against: 'the same daemon and model with batchMax 1',
  unit: 'requests/s',
  target: '≥ 2×, p99 no worse',
  met: (ours, reference, { 'p99 ms': p99 = Infinity, 'reference p99 ms': other = 0 }) => ours.p50 >= 2 * reference.p50 && p99 <= other,
  async setUp() {
    const folder = await mkdtemp(join(tmpdir(), 'soma-bench-'))
    const path = join(folder, 'dense.onnx')
    await writeFile(path, denseLayers())
    const daemon = await startDaemon([])
    for (const name of ['batched', 'single']) await daemon.install(path, name)
    await daemon.soma.call('model.configure', { model: 'single', settings: { batchMax: 1 } })
    for (const model of ['batched', 'single']) await daemon.soma.call('model.load', { model })
    const latencies: [ours: number[], reference: number[]] = [[], []]
    return {
      ours: () => load(daemon, 'batched', latencies[0]),
      reference: () => load(daemon, 'single', latencies[1]),
      warmups: 2,
      samples: 12,
      extra: () => ({ 'p99 ms': figures(latencies[0]).p99, 'reference p99 ms': figures(latencies[1]).p99 }),
      [Symbol.asyncDispose]: async () => {
        await daemon[Symbol.asyncDispose]()
        await rm(folder, { recursive: true, force: true })
      },
    }
  },
}
