import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import process from 'node:process'
import { setTimeout } from 'node:timers/promises'
import { runEngineMain } from '@soma/wire'
import { createEngine } from './engine.ts'
import { REMOTE_POLICY_VARIABLE, readPolicy } from './policy.ts'
import { startGuarded } from './process/start.ts'

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

const policy = readPolicy(process.env[REMOTE_POLICY_VARIABLE])
await runEngineMain(
  createEngine({
    policy,
    fetch,
    freePort,
    start: startGuarded(process.env, (text) => void process.stderr.write(text)),
    sleep: (delayMs, options) => setTimeout(delayMs, undefined, options),
    deadline: (delayMs) => AbortSignal.timeout(delayMs),
    residentBytes: () => process.memoryUsage.rss(),
  }),
)
