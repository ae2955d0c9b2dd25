// What a daemon says when its place is taken, not its own, or full of what another one left.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { type AddressInfo, createServer as createSocketServer } from 'node:net'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { failingDaemon, outputOf, soma, temporaryFolder, until } from './attack.ts'
import { TestDaemon, echoModel } from './daemon.ts'

test('two daemons on one home: the second is told which file is held, and the first does not notice', async () => {
  await using daemon = await TestDaemon.start()
  const second = await failingDaemon(daemon.home, '--port', '0')
  assert.match(second.stderr, /^error: .*soma\.sqlite.*\n +code: store\/locked/)
  assert.equal(second.code, 75)
  assert.equal((JSON.parse(readFileSync(join(daemon.home, 'run', 'daemon.json'), 'utf8')) as { pid: number }).pid, daemon.pid)
  const again = await soma(daemon.home, 'serve', '--detach', '--json')
  assert.equal((JSON.parse(again.stdout) as { pid: number }).pid, daemon.pid)
  await using owner = await daemon.connect()
  assert.equal((await owner.system.status()).pid, daemon.pid)
})

test('what a killed daemon leaves, socket, daemon file and layouts, is in nobody’s way', async () => {
  await using folder = await temporaryFolder()
  await using daemon = await TestDaemon.start()
  {
    await using owner = await daemon.connect()
    await outputOf(owner.model.install({ reference: await echoModel(join(folder.path, 'echo')), name: 'echo' }))
    await owner.model.load({ model: 'echo' })
  }
  const { pid } = daemon
  await daemon.kill()
  assert.ok(existsSync(daemon.socket) && existsSync(join(daemon.home, 'run', 'daemon.json')))
  const status = await soma(daemon.home, 'status')
  assert.equal(status.code, 69)
  assert.match(status.stderr, /no daemon answers/)
  const stopped = await soma(daemon.home, 'stop', '--json')
  assert.equal((JSON.parse(stopped.stdout) as { stopped: boolean }).stopped, false)
  await until(() => daemon.processes().length === 0, 'its engines are gone')
  await daemon.start()
  assert.notEqual(daemon.pid, pid)
  await using owner = await daemon.connect()
  assert.equal((await owner.model.infer({ model: 'echo', inputs: [{ name: 'int8', dtype: 'int8', values: [1] }] })).outputs.length, 1)
})

test('a daemon file that names a stranger’s process, or is damaged, harms nobody', async () => {
  await using folder = await temporaryFolder()
  const run = join(folder.path, 'run')
  await mkdir(run, { recursive: true, mode: 0o700 })
  const stranger = JSON.stringify({ pid: process.pid, version: '0', startedAt: 0, faces: [] })
  for (const text of [stranger, '{"pid":', '[]', 'x'.repeat(1_000_000)]) {
    await writeFile(join(run, 'daemon.json'), text)
    const stopped = await soma(folder.path, 'stop')
    assert.equal(stopped.code, 0, stopped.stderr)
    assert.match(stopped.stdout, /no daemon was running/)
  }
})

describe('a home that cannot be one is refused in one line, with an exit code', () => {
  const cases: ReadonlyArray<readonly [what: string, home: (folder: string) => string | Promise<string>, message: RegExp]> = [
    ['below a file', async (folder) => (await writeFile(join(folder, 'file'), ''), join(folder, 'file', 'home')), /file/],
    ['a file', async (folder) => (await writeFile(join(folder, 'home'), ''), join(folder, 'home')), /home/],
    ['a relative path', () => 'relative/home', /SOMA_HOME.*absolute/],
    ['a link', (folder) => (symlinkSync('/etc', join(folder, 'home')), join(folder, 'home')), /is not a folder of this user/],
    ['where nothing can be made', () => '/proc/soma', /\/proc\/soma/],
  ]
  for (const [what, home, message] of cases)
    test(what, async () => {
      await using folder = await temporaryFolder()
      const ended = await failingDaemon(await home(folder.path), '--port', '0')
      assert.match(ended.stderr, /^error: [^\n]*\n +code: config\/invalid\n$/)
      assert.match(ended.stderr, message)
      assert.equal(ended.code, 78)
    })

  test('on a disk that is read-only', async (t) => {
    await using folder = await temporaryFolder()
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'ro,size=1m', 'none', folder.path])
    if (mounted.status !== 0) return t.skip(`no disk can be mounted here: ${String(mounted.stderr ?? mounted.error).trim()}`)
    try {
      const ended = await failingDaemon(join(folder.path, 'home'), '--port', '0')
      assert.match(ended.stderr, /^error: .*home.*read-only[^\n]*\n +code: config\/invalid\n$/)
      assert.equal(ended.code, 78)
    } finally {
      spawnSync('umount', [folder.path])
    }
  })

  test('of another user', async (t) => {
    if (process.getuid?.() !== 0) return t.skip('only root can make a folder of another user')
    await using folder = await temporaryFolder()
    const home = join(folder.path, 'home')
    await mkdir(home)
    spawnSync('chown', ['12345', home])
    const ended = await failingDaemon(home, '--port', '0')
    assert.match(ended.stderr, /is not a folder of this user[^\n]*\n +code: config\/invalid/)
  })

  test('with settings that are none', async () => {
    const wrong: ReadonlyArray<readonly [string, RegExp]> = [
      ['http = 7', /http/],
      ['[http]\nport = "many"', /port/],
      ['[nonsense]\na = 1', /nonsense/],
      ['[http', /config\.toml/],
    ]
    for (const [text, message] of wrong) {
      await using folder = await temporaryFolder()
      await writeFile(join(folder.path, 'config.toml'), text)
      const ended = await failingDaemon(folder.path, '--port', '0')
      assert.match(ended.stderr, /^error: [^]*code: config\/invalid\n$/, text)
      assert.match(ended.stderr, message)
      assert.equal(ended.code, 78)
    }
  })
})

test('a port that is taken is named, with what to do; nothing is left behind, and another one works', async () => {
  await using folder = await temporaryFolder()
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  try {
    const ended = await failingDaemon(folder.path, '--port', String(port))
    assert.match(
      ended.stderr,
      new RegExp(`error: cannot serve HTTP on 127.0.0.1:${port}: another program uses it; choose another with --port`),
    )
    assert.equal(ended.code, 78)
    assert.ok(!existsSync(join(folder.path, 'run', 'daemon.json')) && !existsSync(join(folder.path, 'run', 'soma.sock')))
    for (const wrong of ['65536', '-1', 'x', '1.5']) {
      const refused = await failingDaemon(folder.path, `--port=${wrong}`)
      assert.equal(refused.code, 78, refused.stderr)
      assert.match(refused.stderr, /--port/)
    }
    const detached = await soma(folder.path, 'serve', '--detach', '--port', String(port))
    assert.notEqual(detached.code, 0)
    assert.match(detached.stderr, /another program uses it/)
  } finally {
    server.close()
  }
  await using daemon = await TestDaemon.start(folder.path)
  assert.notEqual(daemon.url, '')
})

test('a socket where something else listens is left alone', async () => {
  await using folder = await temporaryFolder()
  const run = join(folder.path, 'run')
  await mkdir(run, { mode: 0o700 })
  const squatter = createSocketServer((socket) => socket.destroy()).listen(join(run, 'soma.sock'))
  await once(squatter, 'listening')
  const ended = await failingDaemon(folder.path, '--port', '0')
  assert.match(ended.stderr, /another daemon answers at [^\n]*soma\.sock[^\n]*\n +code: store\/locked/)
  assert.equal(ended.code, 75)
  squatter.close()
  await once(squatter, 'close')
  rmSync(join(run, 'soma.sock'), { force: true })
})
