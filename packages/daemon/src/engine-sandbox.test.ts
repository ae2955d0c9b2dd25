// What a confined engine reaches, by one that tries.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { descriptor as echo } from '@soma/engine-echo'
import { createSandbox } from '@soma/host'
import type { Calls, EngineDescriptor } from '@soma/spec'
import { createSoma } from './create-soma.ts'
import { installationOf } from './engine-sandbox.ts'
import type { InstalledEngine } from './engines.ts'
import { asOwner, newHome } from './test-home.ts'

/** A prompt is a list of deeds in JSON; the answer is the list of those that came off. */
const nosyScript = `
  import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
  import { connect } from 'node:net'
  import { runEngineMain } from ${JSON.stringify(import.meta.resolve('@soma/wire'))}
  const reached = (options) => new Promise((resolve, reject) => connect(options).on('connect', resolve).on('error', reject))
  const deeds = {
    own: () => undefined,
    read: (path) => readFileSync(path),
    list: (path) => readdirSync(path),
    write: (path) => writeFileSync(path, 'mine'),
    connect: (path) => reached({ path }),
    call: (port) => reached({ port, host: '127.0.0.1' }),
    signal: (pid) => process.kill(pid, 0),
  }
  const load = async (pkg, { stateDirectory }) => ({
    signature: { inputs: [], outputs: [] },
    async *generate({ prompt }) {
      const done = []
      const own = { package: pkg.directory, state: stateDirectory ?? '' }
      for (const [deed, what] of JSON.parse(prompt)) {
        const target = typeof what === 'string' ? what.replace(/^<(\\w+)>/, (_all, name) => own[name]) : what
        await Promise.try(deeds[deed], target).then(() => done.push(deed + ' ' + what), () => undefined)
      }
      yield { text: JSON.stringify(done) }
      return { finish: 'stop', usage: { promptTokens: 1, cachedTokens: 0, generatedTokens: 1 } }
    },
    saveState: async (directory) => writeFileSync(directory + '/kept', 'x'),
    usage: () => ({ residentBytes: 1 }),
    [Symbol.asyncDispose]: async () => undefined,
  })
  await runEngineMain({
    descriptor: JSON.parse(process.env.NOSY),
    probe: () => ({ supported: true, reason: '', devices: ['cpu'] }),
    estimate: () => ({ residentBytes: 1 }),
    load,
    async *convert({ directory }) {
      writeFileSync(directory + '/model.nosy', '{}')
      return { files: ['model.nosy'], notes: [] }
    },
  })
`
const nosyDescriptor: EngineDescriptor = {
  ...echo,
  id: 'nosy',
  formats: ['echo', 'nosy'],
  layouts: [...echo.layouts, { format: 'nosy', task: 'text-generation', files: { model: '*.nosy' } }],
  converts: ['nosy'],
  options: [{ name: 'adapters', type: 'strings', files: true, description: 'Files of this machine.' }],
}
const nosy: InstalledEngine = {
  descriptor: nosyDescriptor,
  command: [process.execPath, '--input-type=module', '-e', nosyScript],
  env: { NOSY: JSON.stringify(nosyDescriptor) },
}

interface World {
  readonly calls: Calls
  readonly data: string
  readonly socket: string
  /** @returns what came off. */
  readonly attempt: (model: string, deeds: ReadonlyArray<readonly [string, string | number]>) => Promise<string[]>
}

/** A daemon whose engines are confined, with models `a` and `b` in memory; undefined where none can be confined. */
async function confined(t: TestContext): Promise<World | undefined> {
  const options = await newHome(t)
  const why = await createSandbox([], options.env)
    .wrap(['true'])
    .then(
      () => undefined,
      (error: Error) => error.message,
    )
  if (why !== undefined) {
    t.skip(why)
    return undefined
  }
  const { config, paths } = options
  const soma = await createSoma({
    ...options,
    engines: [nosy],
    config: { ...config, engines: { ...config.engines, sandbox: 'bubblewrap' } },
  })
  t.after(() => soma.stop())
  const calls = asOwner(soma)
  for (const name of ['a', 'b']) {
    const folder = join(paths.data, 'offered', name)
    await mkdir(folder, { recursive: true })
    await writeFile(join(folder, 'model.echo'), JSON.stringify({ name }))
    await Array.fromAsync(calls.stream('model.install', { reference: `file/${folder}`, name }))
    await calls.call('model.load', { model: name })
  }
  const attempt: World['attempt'] = async (model, deeds) => {
    const stream = calls.stream('model.generate', { model, prompt: JSON.stringify(deeds) })
    await Array.fromAsync(stream)
    return JSON.parse((await stream.output).text) as string[]
  }
  return { calls, data: paths.data, socket: paths.socket, attempt }
}

test('a confined engine reaches its own package, and nothing of others, of the daemon or of the network', async (t) => {
  const world = await confined(t)
  if (!world) return
  const { data, socket, attempt } = world
  await using server = createServer((connection) => connection.destroy()).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const packages = join(data, 'run', 'packages')
  const laidOut = readdirSync(packages)
  await writeFile(join(data, 'secret'), 's')
  assert.equal(laidOut.length, 2, 'both models are laid out')
  const allowed = [
    ['read', '<package>/model.echo'],
    ['write', '/tmp/own'],
  ] as const
  const tried = await attempt('a', [
    ...allowed,
    ['write', '<package>/model.echo'],
    ['write', '<package>/new'],
    ...laidOut.map((name) => ['write', join(packages, name, 'new')] as const),
    ['read', join(data, 'secret')],
    ['list', join(data, 'blobs')],
    ['list', join(data, 'offered')],
    ['read', join(data, 'soma.sqlite')],
    ['write', join(data, 'engine-state', 'new', 'kept')],
    ['list', join(data, 'run', 'drafts')],
    ['connect', socket],
    ['call', (server.address() as AddressInfo).port],
    ['signal', process.pid],
  ])
  assert.deepEqual(
    tried,
    allowed.map(([deed, what]) => `${deed} ${what}`),
  )
  const read = await attempt(
    'a',
    laidOut.map((name) => ['read', join(packages, name, 'model.echo')] as const),
  )
  assert.equal(read.length, 1, 'of both packages it reads its own')
  for (const name of ['soma.sqlite', 'blobs', 'offered', 'engine-state']) assert.ok(readdirSync(data).includes(name), name)
})

test('a confined engine sees a file of this machine that a setting of its model names, and only its own state', async (t) => {
  const world = await confined(t)
  if (!world) return
  const { calls, data, attempt } = world
  const adapter = join(data, 'adapter.gguf')
  await writeFile(adapter, 'x')
  await calls.call('model.configure', { model: 'a', settings: { adapters: [`${adapter}=0.5`] } })
  await calls.call('model.residency', { model: 'a', mode: 'swap', seconds: 1 })
  assert.deepEqual(await attempt('a', [['read', adapter]]), [`read ${adapter}`])
  assert.deepEqual(await attempt('b', [['read', adapter]]), [])
  const stateOf = async (): Promise<string | undefined> => {
    const { models } = await calls.call('model.resident', {})
    return models.find(({ model }) => model === 'a')?.state
  }
  while ((await stateOf()) !== 'parked') await setImmediate()
  const states = readdirSync(join(data, 'engine-state'))
  const kept = states.map((name) => join(data, 'engine-state', name, 'kept'))
  assert.deepEqual(
    await attempt('a', [
      ['read', '<state>/kept'],
      ['write', '<state>/more'],
    ]),
    ['read <state>/kept', 'write <state>/more'],
  )
  assert.equal(
    (
      await attempt(
        'a',
        kept.map((path) => ['read', path] as const),
      )
    ).length,
    1,
  )
  assert.deepEqual(
    await attempt(
      'b',
      kept.map((path) => ['read', path] as const),
    ),
    [],
  )
})

test('a confined engine converts into the one folder that is there for it', async (t) => {
  const world = await confined(t)
  if (!world) return
  const stream = world.calls.stream('model.convert', { model: 'a', to: 'nosy', name: 'c' })
  await Array.fromAsync(stream)
  assert.deepEqual((await stream.output).files, [{ path: 'model.nosy', sizeBytes: 2 }])
})

test('of a prefix that holds more than programs only the programs are shown', () => {
  assert.deepEqual(installationOf('/opt/node/bin/node', ['/home/me']), ['/opt/node'])
  assert.deepEqual(installationOf('/opt/node/node', ['/home/me']), ['/opt/node'])
  const own = ['/home/me/.local/share/soma', '/home/me']
  assert.deepEqual(installationOf('/home/me/.local/bin/node', own), ['/home/me/.local/bin', '/home/me/.local/lib'])
  assert.deepEqual(installationOf('/home/me/bin/node', own), ['/home/me/bin', '/home/me/lib'])
  assert.deepEqual(installationOf('/bin/python3', own), ['/bin', '/lib'])
})
