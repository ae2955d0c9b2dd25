import assert from 'node:assert/strict'
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type Server, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { type TestContext, after, describe, test } from 'node:test'
import { VERSION } from '@soma/core'

const main = join(import.meta.dirname, 'main.ts')
const axon = join(import.meta.dirname, 'axon', 'main.ts')
const folder = mkdtempSync(join(tmpdir(), 'soma-main-'))
after(() => rmSync(folder, { recursive: true }))
const env = {
  PATH: process.env['PATH'],
  HOME: folder,
  SOMA_HOME: join(folder, 'home'),
  NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
}

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

interface Started {
  readonly child: ChildProcessByStdio<null, Readable, Readable>
  readonly ended: Promise<Ended>
  /** Resolves once standard error holds `text`. */
  readonly said: (text: string) => Promise<void>
}

function start(args: readonly string[], program = main): Started {
  const child = spawn(process.execPath, [program, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const written = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) child[name].setEncoding('utf8').on('data', (chunk: string) => (written[name] += chunk))
  return {
    child,
    ended: once(child, 'close').then(() => ({ code: child.exitCode, ...written })),
    async said(text) {
      while (!written.stderr.includes(text)) await once(child.stderr, 'data')
    },
  }
}

async function soma(...args: string[]): Promise<Ended> {
  return await start(args).ended
}

/** A socket that takes connections and says nothing. */
async function silentDaemon(t: TestContext): Promise<{ socket: string; connected: Promise<unknown> }> {
  const socket = join(folder, `silent-${process.hrtime.bigint()}`)
  const server: Server = createServer((connection) => t.after(() => connection.destroy())).listen(socket)
  t.after(() => server.close())
  await once(server, 'listening')
  return { socket, connected: once(server, 'connection') }
}

test('--version prints the version and nothing else', async () => {
  for (const program of [main, axon])
    assert.deepEqual(await start(['--version'], program).ended, { code: 0, stdout: `${VERSION}\n`, stderr: '' })
})

test('exit codes reach the shell', async () => {
  assert.equal((await soma('status')).code, 69)
  assert.equal((await soma('nonsense')).code, 64)
})

test('Ctrl-C ends a command that waits for the daemon, with 130', async (t) => {
  const { socket, connected } = await silentDaemon(t)
  const { child, ended } = start(['status', '--socket', socket])
  await connected
  child.kill('SIGINT')
  const { code, stderr } = await ended
  assert.equal(code, 130)
  assert.equal(stderr, 'cancelled\n')
})

test('a reader that has seen enough is no failure', async () => {
  const { child, ended } = start(['calls', '--help'])
  child.stdout.destroy()
  const { code, stderr } = await ended
  assert.equal(code, 0)
  assert.equal(stderr, '')
})

describe('a real daemon', () => {
  after(async () => await soma('stop'))

  test('is started in the background, found, and stopped', async () => {
    const started = await soma('serve', '--detach', '--port', '0', '--json')
    const { pid, faces, logFile, alreadyRunning } = JSON.parse(started.stdout) as {
      pid: number
      faces: Array<{ kind: string; address: string }>
      logFile: string
      alreadyRunning: boolean
    }
    assert.equal(alreadyRunning, false)
    assert.match(faces.find(({ kind }) => kind === 'http')?.address ?? '', /^http:\/\/127\.0\.0\.1:\d+$/)
    assert.match(readFileSync(logFile, 'utf8'), /"message":"ready"/)
    assert.equal((JSON.parse((await soma('serve', '--detach', '--json')).stdout) as { alreadyRunning: boolean }).alreadyRunning, true)
    assert.equal((JSON.parse((await soma('status', '--json')).stdout) as { pid: number }).pid, pid)
    assert.deepEqual(JSON.parse((await soma('call', 'system.echo', '{"payload": [1]}')).stdout), { payload: [1], tensors: [] })
    assert.deepEqual(await soma('stop'), { code: 0, stdout: `stopped (pid ${pid})\n`, stderr: '' })
    assert.throws(() => process.kill(pid, 0))
  })

  test('that cannot start says why', async () => {
    const home = join(folder, 'home')
    writeFileSync(join(home, 'config.toml'), '[http]\nport = "x"\n')
    const { code, stderr } = await soma('serve', '--detach')
    rmSync(join(home, 'config.toml'))
    assert.equal(code, 69)
    assert.match(stderr, /ended while starting \(exit code 78\)/)
    assert.match(stderr, /http\.port is "x"; expected a whole number from 0 to 65535/)
  })

  test('is started by axon when none runs, and is the same daemon', async () => {
    writeFileSync(join(folder, 'home', 'config.toml'), '[http]\nport = 0\n')
    const { code, stdout, stderr } = await start(['list', '--format', 'json'], axon).ended
    assert.deepEqual([code, stdout], [0, '{"models":[]}\n'])
    const [, pid] = /^Started the daemon \(pid (\d+)\); `soma stop` ends it\.\n$/.exec(stderr) ?? []
    assert.equal((JSON.parse((await soma('status', '--json')).stdout) as { pid: number }).pid, Number(pid))
    assert.equal((await soma('stop')).code, 0)
    rmSync(join(folder, 'home', 'config.toml'))
  })

  test('in the foreground takes the place of the command, and its signals', async () => {
    const daemon = start(['serve', '--port', '0'])
    await daemon.said('"message":"ready"')
    daemon.child.kill('SIGTERM')
    const { code, stderr } = await daemon.ended
    assert.equal(code, 0)
    assert.match(stderr, /"message":"stopped"/)
  })
})
