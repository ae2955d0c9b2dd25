import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { test } from 'node:test'
import type { AddressInfo } from 'node:net'
import { EngineUnderTest, generated, layOut } from '@soma/testkit/engine'
import { until } from '@soma/testkit/face'
import { REMOTE_POLICY_VARIABLE } from '../index.ts'
import { fixture, loadEndpoint, said, say } from '../test-answers.ts'
import { startGuarded } from './start.ts'

/** A server that says "ready" after its second health check, and answers every chat with its own process id. */
const SERVER = `
let asked = 0
require('node:http').createServer((request, response) => {
  if (request.url === '/health') return response.writeHead(++asked > 1 ? 200 : 503).end()
  const chunk = { choices: [{ delta: { content: String(process.pid) }, finish_reason: 'stop' }] }
  response.end('data: ' + JSON.stringify(chunk) + '\\n\\n')
}).listen(Number(process.argv[1]), '127.0.0.1')
`

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}

const deps = {
  freePort,
  start: startGuarded(process.env, () => undefined),
  policy: { mode: 'local' as const, commands: [process.execPath], keys: {} },
}
const recipe = { command: process.execPath, args: ['-e', SERVER, '{port}'] }
const endpoint = { api: 'openai', url: 'http://127.0.0.1:{port}/v1', model: 'm', process: recipe }
const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

test('a server is started for its model, asked when it is ready, and ends with it', async () => {
  const model = await loadEndpoint(endpoint, deps)
  const pid = Number((await said(model, say('who?'))).text)
  assert.ok(isAlive(pid))
  await model[Symbol.asyncDispose]()
  assert.ok(!isAlive(pid))
})

test('a server that ends before it is ready says why', async () => {
  const failing = { ...endpoint, process: { ...recipe, args: ['-e', 'console.error("no such model"); process.exit(3)'] } }
  await assert.rejects(loadEndpoint(failing, deps), { code: 'model/load-failed', message: /code 3\nno such model/ })
  const missing = { ...endpoint, process: { command: '/no/such/program' } }
  const policy = { ...deps.policy, commands: ['/no/such/program'] }
  await assert.rejects(loadEndpoint(missing, { ...deps, policy }), { code: 'model/load-failed', message: /not found|No such file/i })
})

test('a server that does not become ready in time is ended', async () => {
  const slow = { ...endpoint, process: { ...recipe, args: ['-e', 'setInterval(() => {}, 1000)'], readyMs: 50 } }
  await assert.rejects(loadEndpoint(slow, deps), { code: 'model/load-failed', message: /not ready within 50 ms/ })
})

test('only programs that the user named are started, and only for this machine', async () => {
  const policy = { ...deps.policy, commands: [] }
  await assert.rejects(loadEndpoint(endpoint, { ...deps, policy }), { code: 'model/unsupported', message: /engines\.remoteCommands/ })
  await assert.rejects(loadEndpoint(endpoint, { ...deps, policy: { ...deps.policy, mode: 'off' } }), { message: /engines\.remote local/ })
  await assert.rejects(loadEndpoint({ ...endpoint, url: 'http://10.0.0.1:{port}/' }, deps), { message: /one of this machine/ })
  for (const health of ['//example.org/health', '/\\example.org/health'])
    await assert.rejects(loadEndpoint({ ...endpoint, process: { ...recipe, health } }, deps), { message: /health/ })
})

test('a recipe cannot make an allowed program run the package’s code', async () => {
  for (const name of ['PATH', 'LD_PRELOAD', 'PYTHONPATH', 'NODE_OPTIONS', 'DYLD_INSERT_LIBRARIES', 'BASH_ENV']) {
    const process = { ...recipe, env: { CUDA_VISIBLE_DEVICES: '0', [name]: 'x' } }
    await assert.rejects(loadEndpoint({ ...endpoint, process }, deps), { code: 'model/unsupported', message: new RegExp(`sets ${name},`) })
  }
})

test('a server ends when the engine is killed', async () => {
  process.env[REMOTE_POLICY_VARIABLE] = JSON.stringify(deps.policy)
  await using engine = new EngineUnderTest(new URL('../main.ts', import.meta.url))
  await using folder = await layOut(fixture(endpoint))
  await engine.hello()
  await engine.load(folder.pkg)
  const { text } = await generated(engine, say('who?'))
  assert.ok(isAlive(Number(text)))
  await engine[Symbol.asyncDispose]()
  await until(() => !isAlive(Number(text)), 'the server ends')
})
