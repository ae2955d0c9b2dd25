import { once } from 'node:events'
import { connect as connectSocket } from 'node:net'
import { connectHttp } from '@soma/sdk'
import { type AnyCalls, FAKE_TOKEN, faceCompliance, httpFaceDeps, loopback } from '@soma/testkit/face'
import { createHttpFace } from './index.ts'

faceCompliance({
  name: 'http',
  start: async (dispatcher) => {
    const face = createHttpFace(httpFaceDeps(dispatcher), { ...loopback, bodyBytesMax: 64 * 1024 * 1024, connectionsMax: 256 })
    const { address } = await face.start()
    const client = connectHttp({ url: address, token: FAKE_TOKEN })
    return {
      client: client as unknown as AnyCalls,
      sendRaw: async (bytes) => {
        const socket = connectSocket(Number(new URL(address).port), '127.0.0.1')
        socket.on('error', () => undefined).resume()
        socket.end(bytes)
        await once(socket, 'close')
      },
      [Symbol.asyncDispose]: async () => {
        await client[Symbol.asyncDispose]()
        await face.stop({ drainMs: 0 })
      },
    }
  },
})
