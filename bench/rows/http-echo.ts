import { TestDaemon } from '../../test/e2e/daemon.ts'
import { startReference } from '../child.ts'
import type { Row } from '../measure.ts'
import { Ping, httpAnswerBytes } from '../ping.ts'

const CONNECTIONS = 8
const REQUESTS = 2000
const body = JSON.stringify({ payload: { text: 'hello', n: 42 } })

export const httpEcho: Row = {
  name: 'http-echo',
  what: `system.echo over HTTP with a token, ${CONNECTIONS} connections`,
  against: 'a bare node:http server that parses and returns the same JSON',
  unit: 'calls/s',
  target: '≥ 0.6×',
  met: (ours, reference) => ours.p50 >= 0.6 * reference.p50,
  async setUp() {
    const daemon = await TestDaemon.start()
    const soma = await daemon.connect()
    const { token } = await soma.call('capability.issue', { grants: [{ resource: 'system/echo', rights: ['invoke'] }] })
    const bare = await startReference('http-echo', [])
    const ours = await openAll(Number(new URL(daemon.url).port), '/v1/system/echo', token)
    const reference = await openAll(Number(bare.line), '/', token)
    return {
      ours: () => rate(ours),
      reference: () => rate(reference),
      warmups: 10,
      samples: 25,
      [Symbol.asyncDispose]: async () => {
        for (const ping of [...ours, ...reference]) ping[Symbol.dispose]()
        await soma[Symbol.asyncDispose]()
        await bare[Symbol.asyncDispose]()
        await daemon[Symbol.asyncDispose]()
      },
    }
  },
}

async function openAll(port: number, path: string, token: string): Promise<Ping[]> {
  const request = Buffer.from(
    `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nauthorization: Bearer ${token}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
  return await Promise.all(Array.from({ length: CONNECTIONS }, () => Ping.open({ port, host: '127.0.0.1' }, request, httpAnswerBytes)))
}

async function rate(connections: readonly Ping[]): Promise<number> {
  const each = REQUESTS / connections.length
  const start = performance.now()
  await Promise.all(
    connections.map(async (connection) => {
      for (let index = 0; index < each; index++) await connection.once()
    }),
  )
  return (REQUESTS * 1000) / (performance.now() - start)
}
