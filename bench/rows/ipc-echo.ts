import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeFrame } from '@soma/spec'
import { TestDaemon } from '../../test/e2e/daemon.ts'
import { startReference } from '../child.ts'
import { type Row, timed } from '../measure.ts'
import { pinToOneCpu } from '../pin.ts'
import { Ping } from '../ping.ts'

const BATCH = 200
const input = { payload: { text: 'hello', n: 42 } }

export const ipcEcho: Row = {
  name: 'ipc-echo',
  what: 'system.echo by the typed client over the unix socket, one at a time, all on one CPU',
  against: 'raw unix-socket ping-pong of the same bytes, server in a process of its own',
  unit: 'µs',
  target: 'p50 ≤ 2×',
  met: (ours, reference) => ours.p50 <= 2 * reference.p50,
  async setUp() {
    const folder = await mkdtemp(join(tmpdir(), 'soma-bench-'))
    const daemon = await TestDaemon.start()
    const soma = await daemon.connect()
    const path = join(folder, 'echo.sock')
    const echo = await startReference('unix-echo', [path])
    const bytes = Buffer.concat(encodeFrame({ id: 1, method: 'system.echo', input }))
    const ping = await Ping.open({ path }, bytes, () => bytes.length)
    const pinned = pinToOneCpu([process.pid, daemon.pid, echo.pid])
    return {
      ours: async () => (await timed(BATCH, () => soma.call('system.echo', input))) * 1000,
      reference: async () => (await timed(BATCH, () => ping.once())) * 1000,
      warmups: 40,
      samples: 60,
      [Symbol.asyncDispose]: async () => {
        pinned[Symbol.dispose]()
        ping[Symbol.dispose]()
        await soma[Symbol.asyncDispose]()
        await echo[Symbol.asyncDispose]()
        await daemon[Symbol.asyncDispose]()
        await rm(folder, { recursive: true, force: true })
      },
    }
  },
}
