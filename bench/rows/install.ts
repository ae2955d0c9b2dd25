import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { TestDaemon } from '../../test/e2e/daemon.ts'
import { startReference } from '../child.ts'
import type { Row } from '../measure.ts'

const BYTES = 1024 * 1024 * 1024
const run = promisify(execFile)

export const install: Row = {
  name: 'install',
  what: 'installing a 1 GB package from a loopback URL: fetched, hashed while written, synced, registered',
  against: 'curl to a file, then sha256sum',
  unit: 'MB/s',
  target: '≥ 0.8×, RSS growth ≤ 64 MB',
  met: (ours, reference, { 'RSS growth MB': growth = Infinity }) => ours.p50 >= 0.8 * reference.p50 && growth <= 64,
  async setUp() {
    const folder = await mkdtemp(join(tmpdir(), 'soma-bench-'))
    const daemon = await TestDaemon.start()
    const soma = await daemon.connect()
    const server = await startReference('file-server', [String(BYTES)])
    const before = residentBytes(daemon.pid)
    let peak = before
    let count = 0
    return {
      async ours() {
        count++
        const start = performance.now()
        // A new name each time: the bytes are the same, the download is not shared.
        const stream = soma.stream('model.install', { reference: `url/http://127.0.0.1:${server.line}/${count}/big.echo`, name: 'big' })
        for await (const _ of stream) peak = Math.max(peak, residentBytes(daemon.pid))
        const rate = BYTES / 1000 / (performance.now() - start)
        await soma.call('model.remove', { model: 'big' })
        return rate
      },
      async reference() {
        const file = join(folder, 'big')
        const start = performance.now()
        await run('curl', ['-s', '-o', file, `http://127.0.0.1:${server.line}/reference/big.echo`])
        await run('sha256sum', [file])
        const rate = BYTES / 1000 / (performance.now() - start)
        await rm(file)
        return rate
      },
      warmups: 0,
      samples: 3,
      extra: () => ({ 'RSS growth MB': (peak - before) / 1e6 }),
      [Symbol.asyncDispose]: async () => {
        await soma[Symbol.asyncDispose]()
        await server[Symbol.asyncDispose]()
        await daemon[Symbol.asyncDispose]()
        await rm(folder, { recursive: true, force: true })
      },
    }
  },
}

function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024
}
