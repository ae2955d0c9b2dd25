import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { TestDaemon } from '../../test/e2e/daemon.ts'
import type { Row } from '../measure.ts'

const run = promisify(execFile)
const soma = join(import.meta.dirname, '..', '..', 'dist', 'soma')
const bareNode = async (): Promise<number> => await milliseconds(() => run(process.execPath, ['-e', '0']))

export const version: Row = {
  name: 'version',
  what: 'soma --version, from the command to the prompt',
  against: 'node -e 0',
  unit: 'ms',
  target: '≤ 80 ms',
  met: (ours) => ours.p50 <= 80,
  setUp: async () => ({
    ours: () => milliseconds(() => run(soma, ['--version'])),
    reference: bareNode,
    warmups: 3,
    samples: 30,
    [Symbol.asyncDispose]: async () => undefined,
  }),
}

export const daemonReady: Row = {
  name: 'daemon-ready',
  what: 'from starting the daemon to its first answer on a home that exists',
  against: 'node -e 0',
  unit: 'ms',
  target: '≤ 500 ms',
  met: (ours) => ours.p50 <= 500,
  async setUp() {
    const daemon = await TestDaemon.start()
    return {
      async ours() {
        await daemon.stop()
        return await milliseconds(async () => {
          await daemon.start()
          await using client = await daemon.connect()
          await client.call('system.health', {})
        })
      },
      reference: bareNode,
      warmups: 1,
      samples: 15,
      [Symbol.asyncDispose]: () => daemon[Symbol.asyncDispose](),
    }
  },
}

/** Long enough for the first garbage collections after a start. */
const IDLE_MS = 3000

export const daemonMemory: Row = {
  name: 'daemon-memory',
  what: 'resident memory of the daemon, idle after its first calls',
  against: 'node with an empty event loop',
  unit: 'MB',
  target: '≤ 100 MB',
  met: (ours) => ours.p50 <= 100,
  async setUp() {
    const daemon = await TestDaemon.start()
    await using client = await daemon.connect()
    await client.call('system.status', {})
    await sleep(IDLE_MS)
    return {
      ours: () => residentMegabytes(daemon.pid),
      async reference() {
        const { stdout } = await run(process.execPath, ['-p', 'process.memoryUsage.rss()'])
        return Number(stdout) / 1e6
      },
      warmups: 0,
      samples: 5,
      [Symbol.asyncDispose]: () => daemon[Symbol.asyncDispose](),
    }
  },
}

async function milliseconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

function residentMegabytes(pid: number): number {
  return (Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024) / 1e6
}
