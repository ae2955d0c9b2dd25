import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type TestContext, after, before, describe, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { promisify } from 'node:util'
import { type SomaError, silentLog } from '@soma/core'
import { systemClock } from '../clock.ts'
import { processIdentity } from '../proc-stat.ts'
import { createChildSpawner } from '../process.ts'
import { bubblewrap } from './bubblewrap.ts'
import { createSandbox } from './sandbox.ts'

const execute = promisify(execFile)
const env = { PATH: process.env['PATH'] ?? '' }

test('a confined command line ends with the command, and binds what may be written after what may be read', () => {
  const line = bubblewrap(['node', 'main.js'], { readOnly: ['/models'], writable: ['/models/drafts'] })
  assert.deepEqual(line.slice(-3), ['--', 'node', 'main.js'])
  assert.ok(line.indexOf('/models/drafts') > line.indexOf('/models') && line[line.indexOf('/models/drafts') - 1] === '--bind')
  for (const option of ['--unshare-all', '--die-with-parent']) assert.ok(line.includes(option))
})

test('without bubblewrap nothing is run unconfined: the error says what to install', async () => {
  const sandbox = createSandbox([], { PATH: '/nonexistent' })
  const refused = (error: SomaError): boolean => error.code === 'engine/missing' && /apt install bubblewrap/.test(error.message)
  await assert.rejects(sandbox.wrap(['true']), refused)
  await assert.rejects(sandbox.wrap(['true']), refused)
})

test('bubblewrap that was installed meanwhile is used', async (t) => {
  const programs = mkdtempSync(join(tmpdir(), 'soma-programs-'))
  t.after(() => rmSync(programs, { recursive: true, force: true }))
  const sandbox = createSandbox([], { PATH: programs })
  await assert.rejects(sandbox.wrap(['true']), { code: 'engine/missing' })
  writeFileSync(join(programs, 'bwrap'), '#!/bin/sh\n', { mode: 0o755 })
  assert.equal((await sandbox.wrap(['true']))[0], 'bwrap')
})

describe('a confined process', () => {
  let folder = ''
  let why: string | undefined
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'soma-sandbox-'))
    for (const name of ['models', 'own', 'other']) mkdirSync(join(folder, name))
    for (const name of ['models', 'own', 'other']) writeFileSync(join(folder, name, 'weights'), name)
    writeFileSync(join(folder, 'secret'), 's')
    why = await createSandbox([], env)
      .wrap(['true'])
      .then(
        () => undefined,
        (error: Error) => error.message,
      )
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  /** What a script of the shell prints inside. */
  async function inside(t: TestContext, script: string): Promise<string | undefined> {
    if (why !== undefined) {
      t.skip(why)
      return undefined
    }
    const sandbox = createSandbox([join(folder, 'models')], env)
    const [program, ...args] = await sandbox.wrap(['sh', '-c', script], {
      readOnly: [join(folder, 'own')],
      writable: [join(folder, 'drafts')],
    })
    return (await execute(program, args, { env: { ...env, HOME: '/root' } })).stdout.trim()
  }

  test('has no network', async (t) => {
    const interfaces = await inside(
      t,
      'tail -n +3 /proc/net/dev | cut -d: -f1; (exec 3<>/dev/tcp/127.0.0.1/1) 2>/dev/null && echo connected',
    ).catch((error: { readonly stdout: string }) => error.stdout.trim())
    if (interfaces !== undefined) assert.equal(interfaces.trim(), 'lo')
  })

  test('reads what all may and what it may, and writes nowhere but where it may', async (t) => {
    const said = await inside(
      t,
      `cat ${folder}/models/weights ${folder}/own/weights; echo x > ${folder}/own/new || echo refused; echo x > ${folder}/drafts/new && echo written; echo x > /usr/x || echo refused`,
    )
    if (said !== undefined) assert.equal(said, 'modelsownrefused\nwritten\nrefused')
  })

  test('sees no home, no other files, and a /tmp of its own', async (t) => {
    const said = await inside(
      t,
      `cat ${folder}/secret ${folder}/other/weights 2>/dev/null || echo hidden; ls /home /root /var 2>/dev/null | wc -l; echo $HOME; echo x > /tmp/mine && echo own`,
    )
    if (said !== undefined) assert.equal(said, 'hidden\n0\n/tmp\nown')
  })

  test('sees no processes but its own, and has no capabilities', async (t) => {
    const said = await inside(t, 'ls -d /proc/[0-9]* | wc -l; grep CapEff /proc/self/status')
    if (said !== undefined) {
      const [processes, capabilities] = said.split('\n')
      assert.ok(Number(processes) <= 5)
      assert.match(capabilities ?? '', /0000000000000000$/)
    }
  })

  test('is an engine process like any other: pipes, memory in RAM, its end, and no process left when it is killed', async (t) => {
    if (why !== undefined) return t.skip(why)
    const node = realpathSync(process.execPath)
    const sandbox = createSandbox([dirname(node)], env)
    const spawner = createChildSpawner({ clock: systemClock, log: silentLog, env, directory: join(folder, 'pids'), sandbox })
    const child = await spawner.spawn({
      name: 'engine/test',
      command: [node, '-e', 'process.stdin.pipe(process.stdout); process.stdin.on("end", () => process.exit(3))'],
    })
    const echoed = new Promise<string>((resolve) => child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString())))
    child.stdin.write('hello')
    assert.equal(await echoed, 'hello')
    assert.ok(child.rssBytes() > 20e6, `${child.rssBytes()} bytes are those of the sandbox only`)
    child.stdin.end()
    assert.deepEqual(await child.exited, { code: 3, signal: null })

    const stuck = await spawner.spawn({
      name: 'engine/stuck',
      command: [node, '-e', 'process.on("SIGTERM", () => {}); setInterval(() => {}, 1000); console.log(1)'],
    })
    await new Promise((resolve) => stuck.stdout.once('data', resolve))
    const inner = stuck.pids()
    assert.ok(inner.length >= 2)
    await stuck.kill({ graceMs: 0 })
    // They were all sent SIGKILL; the kernel may take a moment to carry it out.
    while (inner.some((pid) => processIdentity(pid) !== undefined)) await setImmediate()
  })
})
