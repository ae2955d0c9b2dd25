import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { TestDaemon, echoModel } from '../../test/e2e/daemon.ts'
import { startReference } from '../child.ts'
import type { Row } from '../measure.ts'

const BYTES = 4 * 1024 * 1024

export const tensorIpc: Row = {
  name: 'tensor-ipc',
  what: 'a 4 MB tensor from the client over IPC to an engine process and back: four hops',
  against: 'a 4 MB message to a child process and back over pipes, copied once: two hops',
  unit: 'MB/s',
  target: '≥ 0.6×',
  met: (ours, reference) => ours.p50 >= 0.6 * reference.p50,
  async setUp() {
    const folder = await mkdtemp(join(tmpdir(), 'soma-bench-'))
    const daemon = await TestDaemon.start()
    const soma = await daemon.connect()
    const install = soma.stream('model.install', { reference: await echoModel(join(folder, 'echo')), name: 'echo' })
    for await (const _ of install);
    const pipe = await startReference('pipe-echo', [String(BYTES)], { waitsForLine: false })
    const data = new Uint8Array(BYTES).fill(7)
    const ours = async (): Promise<void> => {
      const { outputs } = await soma.call('model.infer', {
        model: 'echo',
        inputs: [{ name: 'uint8', dtype: 'uint8', shape: [BYTES], data }],
      })
      if (outputs[0]?.data.byteLength !== BYTES) throw new Error('the tensor did not come back')
    }
    return {
      ours: () => megabytesPerSecond(ours),
      reference: () => megabytesPerSecond(() => roundTrip(pipe.stdin, pipe.stdout, data)),
      warmups: 25,
      samples: 40,
      [Symbol.asyncDispose]: async () => {
        await soma[Symbol.asyncDispose]()
        await pipe[Symbol.asyncDispose]()
        await daemon[Symbol.asyncDispose]()
        await rm(folder, { recursive: true, force: true })
      },
    }
  },
}

async function megabytesPerSecond(work: () => Promise<void>): Promise<number> {
  const start = performance.now()
  await work()
  return BYTES / 1000 / (performance.now() - start)
}

async function roundTrip(to: Writable, from: Readable, data: Uint8Array): Promise<void> {
  to.write(data)
  const back = new Uint8Array(BYTES)
  let received = 0
  await new Promise<void>((resolve) => {
    const take = (chunk: Buffer): void => {
      back.set(chunk, received)
      received += chunk.length
      if (received < BYTES) return
      from.off('data', take)
      resolve()
    }
    from.on('data', take)
  })
}
