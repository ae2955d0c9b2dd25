import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { createSeededRng, silentLog } from '@soma/core'
import { openStore } from '@soma/store'
import { createTestClock } from '@soma/testkit/clock'
import { builtInEngines, createSoma } from './index.ts'
import { asOwner, newHome } from './test-home.ts'

/** Listens on a free port of loopback until the test is over. */
async function takePort(t: TestContext): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  t.after(() => server.close())
  await new Promise((resolve) => server.once('listening', resolve))
  return (server.address() as { port: number }).port
}

test('a daemon that has stopped has left nothing behind, and its home can be used at once', async (t) => {
  const options = await newHome(t)
  const soma = await createSoma(options)
  const { paths } = options
  const { faces } = JSON.parse(await readFile(paths.daemonFile, 'utf8')) as { faces: unknown }
  assert.deepEqual(faces, soma.faces)
  const http = soma.faces.find(({ kind }) => kind === 'http')?.address
  assert.equal((await fetch(`${http}/readyz`)).status, 200)
  await Promise.all([soma.stop(), soma.stop(), soma.stopped])
  assert.ok(!existsSync(paths.daemonFile) && !existsSync(paths.socket))
  await assert.rejects(fetch(`${http}/readyz`))
  await (await createSoma(options)).stop()
})

test('a taken port keeps it from starting, and nothing is left of the attempt', async (t) => {
  const options = await newHome(t, { port: await takePort(t) })
  await assert.rejects(createSoma(options), { code: 'config/invalid' })
  const { paths, config } = options
  assert.ok(!existsSync(paths.daemonFile) && !existsSync(paths.socket))
  const soma = await createSoma({ ...options, config: { ...config, http: { ...config.http, port: 0 } } })
  await soma.stop()
})

test('a daemon file that cannot be written keeps it from starting, and nothing goes on', async (t) => {
  const options = await newHome(t)
  await mkdir(options.paths.daemonFile, { recursive: true })
  await writeFile(join(options.paths.daemonFile, 'x'), '')
  await assert.rejects(createSoma(options))
  assert.ok(!existsSync(options.paths.socket))
  await rm(options.paths.daemonFile, { recursive: true })
  await (await createSoma(options)).stop()
})

test('a second daemon on the same home is refused and does not disturb the first', async (t) => {
  const options = await newHome(t)
  const soma = await createSoma(options)
  await assert.rejects(createSoma(options), { code: 'store/locked' })
  assert.ok(existsSync(options.paths.daemonFile) && existsSync(options.paths.socket))
  assert.deepEqual(await asOwner(soma).call('system.echo', { payload: 1 }), { payload: 1, tensors: [] })
  await soma.stop()
})

test('stopping ends installs, engines and subscribers, and says so in the log', async (t) => {
  const options = { ...(await newHome(t)), engines: builtInEngines().filter(({ descriptor }) => descriptor.id === 'echo') }
  const soma = await createSoma(options)
  const calls = asOwner(soma)
  const folder = join(options.paths.data, 'm')
  await mkdir(folder)
  await writeFile(join(folder, 'model.echo'), '{}')
  await Array.fromAsync(calls.stream('model.install', { reference: `file/${folder}`, name: 'm' }))
  await calls.call('model.load', { model: 'm' })
  const [engine] = (await calls.call('system.status', {})).processes
  const ends = [
    Array.fromAsync(calls.stream('event.subscribe', {})),
    Array.fromAsync(calls.stream('audit.tail', {})),
    Array.fromAsync(calls.stream('model.install', { reference: 'url/http://127.0.0.1:9/never.onnx', name: 'n' })),
  ].map((work) => assert.rejects(work, { code: 'daemon/stopping' }))
  await soma.stop({ drainMs: 50 })
  await Promise.all(ends)
  assert.throws(() => process.kill(engine?.pid ?? 0, 0), 'the engine is gone')
  using store = await openStore(
    { clock: createTestClock(), rng: createSeededRng(1), log: silentLog },
    {
      directory: options.paths.data,
    },
  )
  assert.match(store.log.last(1)[0]?.body ?? '', /system\.stopped/)
  assert.deepEqual((await store.log.verify()).problems, [])
})

test('the call system.shutdown is answered, and then the daemon stops', async (t) => {
  const soma = await createSoma(await newHome(t))
  assert.deepEqual(await asOwner(soma).call('system.shutdown', {}), {})
  await soma.stopped
  await assert.rejects(asOwner(soma).call('system.echo', {}), { code: 'daemon/stopping' })
})

test('install settings hold at once, others from the next start', async (t) => {
  const soma = await createSoma(await newHome(t))
  const calls = asOwner(soma)
  const { settings } = await calls.call('system.configure', { set: { 'install.offline': true, 'models.queueMax': 7 } })
  assert.deepEqual(
    settings.map(({ key, needsRestart }) => [key, needsRestart]),
    [
      ['models.queueMax', true],
      ['install.offline', false],
    ],
  )
  const install = calls.stream('model.install', { reference: 'url/http://127.0.0.1:9/x.onnx' })
  await assert.rejects(Promise.all([Array.fromAsync(install), install.output]), { code: 'source/offline' })
  await calls.call('system.configure', { set: { 'install.offline': null, 'install.retries': 0 } })
  const again = calls.stream('model.install', { reference: 'url/http://127.0.0.1:9/x.onnx' })
  await assert.rejects(Promise.all([Array.fromAsync(again), again.output]), { code: 'source/unavailable' })
  await soma.stop()
})
