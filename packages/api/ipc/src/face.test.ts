import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect as connectSocket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLog } from '@soma/core'
import { systemClock } from '@soma/host'
import { connect } from '@soma/sdk'
import { type AnyCalls, faceCompliance } from '@soma/testkit/face'
import { createIpcFace } from './index.ts'

faceCompliance({
  name: 'ipc',
  start: async (dispatcher) => {
    const folder = await mkdtemp(join(tmpdir(), 'soma-ipc-'))
    const path = join(folder, 'soma.sock')
    const face = createIpcFace({ dispatcher, clock: systemClock, log: silentLog, version: '0.0.0' }, { path })
    await face.start()
    const client = await connect({ socket: path })
    return {
      client: client as unknown as AnyCalls,
      sendRaw: async (bytes) => {
        const socket = connectSocket({ path })
        socket.on('error', () => undefined).resume()
        socket.end(bytes)
        await once(socket, 'close')
      },
      [Symbol.asyncDispose]: async () => {
        await client[Symbol.asyncDispose]()
        await face.stop({ drainMs: 0 })
        await rm(folder, { recursive: true })
      },
    }
  },
})
