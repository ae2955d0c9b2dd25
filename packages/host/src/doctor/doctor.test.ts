import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { somaPaths } from '../paths.ts'
import { type DoctorFacts, diagnose } from './checks.ts'
import { findProgram, gatherDoctorFacts, parseOpenFiles, probeSocket, proxyVariables } from './gather.ts'

const healthy: DoctorFacts = {
  platform: 'linux',
  nodeVersion: 'v26.10.0',
  openFiles: 20_000,
  memoryAvailableBytes: 8e9,
  memoryBytes: 16e9,
  diskFreeBytes: 50e9,
  diskPath: '/home/me',
  sharedMemoryFreeBytes: 8e9,
  setpriv: '/usr/bin/setpriv',
  folders: [{ path: '/d', state: 'ok' }],
  socket: { path: '/r/soma.sock', state: 'none' },
  now: Date.UTC(2026, 11, 1),
  proxies: {},
  configProblem: undefined,
}

test('a healthy machine has nothing to complain about', () => {
  assert.deepEqual(
    diagnose(healthy).filter(({ status }) => status !== 'ok'),
    [],
  )
})

const cases: ReadonlyArray<readonly [change: Partial<DoctorFacts>, id: string, status: string, detail: RegExp]> = [
  [{ nodeVersion: 'v20.20.2' }, 'node', 'fail', /too old/],
  [{ openFiles: 1024 }, 'open-files', 'warn', /up to 1024/],
  [{ memoryAvailableBytes: 1e8 }, 'memory', 'warn', /0\.1 GB of 16 GB/],
  [{ diskFreeBytes: 1e6 }, 'disk', 'fail', /0\.0 GB free/],
  [{ diskFreeBytes: 1e9 }, 'disk', 'warn', /1\.0 GB free at \/home\/me/],
  [{ sharedMemoryFreeBytes: undefined }, 'shared-memory', 'warn', /missing/],
  [{ sharedMemoryFreeBytes: 64e6 }, 'shared-memory', 'warn', /0\.1 GB/],
  [{ setpriv: undefined }, 'setpriv', 'warn', /not installed/],
  [{ folders: [{ path: '/d', state: 'not-writable' }] }, 'folders', 'fail', /\/d cannot be written/],
  [{ folders: [{ path: '/d', state: 'foreign' }] }, 'folders', 'fail', /somebody else/],
  [{ folders: [{ path: '/d', state: 'open-to-others' }] }, 'folders', 'warn', /other users/],
  [{ socket: { path: '/r/soma.sock', state: 'stale' } }, 'socket', 'warn', /left behind/],
  [{ now: 0 }, 'clock', 'fail', /1970/],
  [{ proxies: { HTTPS_PROXY: 'proxy:3128x/' } }, 'proxy', 'ok', /./],
  [{ proxies: { HTTPS_PROXY: 'not a url' } }, 'proxy', 'fail', /HTTPS_PROXY is not a URL/],
  [{ configProblem: 'line 3: …' }, 'configuration', 'fail', /line 3/],
]
for (const [change, id, status, detail] of cases)
  test(`${id} with ${JSON.stringify(change)} is ${status}, with a remedy`, () => {
    const check = diagnose({ ...healthy, ...change }).find((one) => one.id === id)
    assert.equal(check?.status, status)
    assert.match(check?.detail ?? '', detail)
    assert.equal(status === 'ok', check?.remedy === undefined)
  })

test('passwords of proxies are not shown', () => {
  const check = diagnose({ ...healthy, proxies: { https_proxy: 'http://me:hunter2@proxy:3128', no_proxy: 'localhost' } }).find(
    ({ id }) => id === 'proxy',
  )
  assert.equal(check?.detail, 'https_proxy=http://proxy:3128/')
})

test('checks that only Linux has are left out elsewhere', () => {
  const ids = diagnose({ ...healthy, platform: 'darwin', openFiles: undefined }).map(({ id }) => id)
  for (const id of ['setpriv', 'shared-memory', 'open-files']) assert.ok(!ids.includes(id))
})

test('what it looks at is read as the system writes it', () => {
  const limits =
    'Limit                     Soft Limit           Hard Limit           Units\nMax open files            1024                 524288               files\n'
  assert.equal(parseOpenFiles(limits), 1024)
  assert.equal(parseOpenFiles(limits.replace('1024 ', 'unlimited ')), Infinity)
  assert.equal(parseOpenFiles(''), undefined)
  assert.deepEqual(proxyVariables({ HTTP_PROXY: 'a', https_proxy: 'b', no_proxy: '', PATH: '/' }), { HTTP_PROXY: 'a', https_proxy: 'b' })
})

test('facts of a real installation: folders, a stale socket, a broken configuration', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'soma-doctor-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const paths = somaPaths({ SOMA_HOME: folder })
  mkdirSync(paths.run)
  chmodSync(paths.run, 0o755)
  writeFileSync(paths.configFile, '[http]\nport = "x"\n')
  writeFileSync(paths.socket, '')
  const found = await gatherDoctorFacts(paths, { env: { PATH: '/usr/bin:/bin' }, clock: { now: () => healthy.now } })
  assert.deepEqual(found.folders, [
    { path: folder, state: 'ok' },
    { path: paths.run, state: 'open-to-others' },
  ])
  assert.equal(found.socket.state, 'stale')
  assert.match(found.configProblem ?? '', /http\.port/)
  assert.ok(found.diskFreeBytes > 0)
})

test('a socket that somebody listens on answers', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'soma-socket-'))
  const path = join(folder, 's')
  assert.equal((await probeSocket(path)).state, 'none')
  const server = createServer().listen(path)
  t.after(() => {
    server.close()
    rmSync(folder, { recursive: true })
  })
  await new Promise((resolve) => server.once('listening', resolve))
  assert.equal((await probeSocket(path)).state, 'answers')
})

test('programs are found along a path', () => {
  assert.match(findProgram('sh', '/nonexistent::/usr/bin:/bin') ?? '', /\/bin\/sh$/)
  assert.equal(findProgram('no-such-program', '/usr/bin'), undefined)
})
