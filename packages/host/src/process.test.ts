import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, describe, it } from 'node:test'
import { type LogRecord, createLog, isSomaError, silentLog } from '@soma/core'
import { systemClock } from './clock.ts'
import { childEnvironment } from './child-env.ts'
import { ChildLines } from './child-lines.ts'
import { CHILD_LINES_PER_SECOND_MAX, OOM_SCORE_ADDED } from './limits.ts'
import { bootId, processIdentity } from './proc-stat.ts'
import { type ChildSpawner, createChildSpawner } from './process.ts'

const linux = process.platform === 'linux'
const node = process.execPath
/** Blocks its only thread for ever: no event loop, no stdin, no signals handled. */
const stuck = 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)'

let directory: string
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'soma-process-'))
})
after(async () => {
  await rm(directory, { recursive: true, force: true })
})

function spawner(log = silentLog, env: Record<string, string | undefined> = process.env): ChildSpawner {
  return createChildSpawner({ clock: systemClock, log, env, directory })
}

async function untilGone(pid: number): Promise<void> {
  const deadline = performance.now() + 60_000
  while (processIdentity(pid)) {
    assert.ok(performance.now() < deadline, `process ${pid} is still there`)
    await systemClock.sleep(5)
  }
}

/** A daemon in miniature: it spawns a stuck child, prints its pid, and waits to be killed. */
async function startParent(env: NodeJS.ProcessEnv): Promise<{ parent: ChildProcess; childPid: number }> {
  const script = `
    import { silentLog } from '@soma/core'
    import { systemClock } from ${JSON.stringify(join(import.meta.dirname, 'clock.ts'))}
    import { createChildSpawner } from ${JSON.stringify(join(import.meta.dirname, 'process.ts'))}
    const spawner = createChildSpawner({ clock: systemClock, log: silentLog, env: process.env, directory: ${JSON.stringify(directory)} })
    const child = await spawner.spawn({ name: 'stuck', command: [${JSON.stringify(node)}, '-e', ${JSON.stringify(stuck)}] })
    console.log(child.pid)
    setInterval(() => {}, 1000)
  `
  const parent = spawn(node, ['--input-type=module-typescript', '-e', script], {
    env,
    cwd: import.meta.dirname,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = (await once(createInterface(parent.stdout), 'line')) as [string]
  return { parent, childPid: Number(line) }
}

describe('a child process', () => {
  it('is the first to end when memory runs out', { skip: linux ? false : 'Linux only' }, async () => {
    const child = await spawner().spawn({ name: 'stuck', command: [node, '-e', stuck] })
    const score = async (of: number | 'self'): Promise<number> => Number(await readFile(`/proc/${of}/oom_score_adj`, 'utf8'))
    assert.equal(await score(child.pid), Math.min(1000, (await score('self')) + OOM_SCORE_ADDED))
    await child.kill({ graceMs: 0 })
  })

  it('tells how it ended, and its last words', async () => {
    const child = await spawner().spawn({ name: 'test', command: [node, '-e', 'console.error("first\\nlast"); process.exitCode = 3'] })
    assert.deepEqual(await child.exited, { code: 3, signal: null })
    assert.deepEqual(child.lastLines(), ['first', 'last'])
    assert.equal(child.rssBytes(), 0)
    assert.deepEqual(await child.kill(), { code: 3, signal: null }, 'killing it again is harmless')
  })

  it('echoes through its pipes and ends with its stdin', async () => {
    const child = await spawner().spawn({ name: 'test', command: ['cat'] })
    child.stdin.write('hello')
    const [chunk] = (await once(child.stdout, 'data')) as [Buffer]
    assert.equal(chunk.toString(), 'hello')
    if (linux) assert.ok(child.rssBytes() > 0)
    child.stdin.end()
    assert.deepEqual(await child.exited, { code: 0, signal: null })
  })

  it('writes its stderr to the log with its name', async () => {
    const records: LogRecord[] = []
    const log = createLog({ level: 'info', clock: systemClock, write: (record) => records.push(record) })
    const child = await spawner(log).spawn({ name: 'engine/echo', command: [node, '-e', 'console.error("hot")'] })
    await child.exited
    assert.deepEqual(
      records.map(({ message, fields }) => [message, fields['child']]),
      [['hot', 'engine/echo']],
    )
  })

  it('gets SIGKILL when it ignores SIGTERM', async () => {
    const script = 'process.on("SIGTERM", () => {}); console.log("up"); setInterval(() => {}, 1000)'
    const child = await spawner().spawn({ name: 'test', command: [node, '-e', script] })
    await once(child.stdout, 'data')
    assert.deepEqual(await child.kill({ graceMs: 50 }), { code: null, signal: 'SIGKILL' })
  })

  it('takes along what it started itself', async () => {
    const script = 'console.log(require("node:child_process").spawn("sleep", ["1000"]).pid)'
    const child = await spawner().spawn({ name: 'test', command: [node, '-e', `${script}; setInterval(() => {}, 1000)`] })
    const [chunk] = (await once(child.stdout, 'data')) as [Buffer]
    await child.kill()
    await untilGone(Number(chunk.toString()))
  })

  it('that cannot be started is a typed error', async () => {
    const broken = createChildSpawner({ clock: systemClock, log: silentLog, env: { PATH: directory }, directory })
    await assert.rejects(broken.spawn({ name: 'test', command: ['/no/such/program'] }), (error) => isSomaError(error, 'engine/not-ready'))
  })

  it('sees no variable of ours but the allowed ones', async () => {
    const env = { PATH: process.env['PATH'], HOME: '/home/me', LC_ALL: 'C', AWS_SECRET_ACCESS_KEY: 'secret', NODE_OPTIONS: '--inspect' }
    const child = await spawner(silentLog, env).spawn({
      name: 'test',
      // What is printed before anybody listens is lost when the process has ended: it waits to be killed.
      command: [node, '-e', 'console.log(JSON.stringify(process.env)); setInterval(() => {}, 1000)'],
      env: { SOMA_ENGINE: 'echo' },
    })
    const [chunk] = (await once(child.stdout, 'data')) as [Buffer]
    // The shell in between adds some of its own, and Node one while it measures coverage.
    const {
      PWD: _pwd,
      OLDPWD: _oldpwd,
      _: _program,
      SHLVL: _level,
      NODE_V8_COVERAGE: _coverage,
      ...seen
    } = JSON.parse(chunk.toString()) as Record<string, string>
    assert.deepEqual(seen, {
      PATH: env.PATH,
      HOME: '/home/me',
      LC_ALL: 'C',
      SOMA_ENGINE: 'echo',
      MALLOC_TRIM_THRESHOLD_: '131072',
      ORT_DISABLE_TELEMETRY: '1',
    })
    await child.kill({ graceMs: 0 })
    assert.deepEqual(childEnvironment({ TOKEN: 'x' }), { MALLOC_TRIM_THRESHOLD_: '131072', ORT_DISABLE_TELEMETRY: '1' })
  })
})

describe('a child of a killed parent', { skip: !linux && 'needs /proc' }, () => {
  it('is killed by the kernel, even when stuck in native code', async () => {
    const { parent, childPid } = await startParent(process.env)
    parent.kill('SIGKILL')
    await untilGone(childPid)
  })

  it('is killed by the next daemon where the kernel cannot do it', async () => {
    const bin = await mkdtemp(join(directory, 'bin-'))
    await symlink('/bin/true', join(bin, 'true'))
    const { parent, childPid } = await startParent({ ...process.env, PATH: bin })
    assert.equal(await spawner().reapOrphans(), 0, 'its parent lives')
    assert.ok(processIdentity(childPid))
    parent.kill('SIGKILL')
    await once(parent, 'exit')
    assert.ok(processIdentity(childPid), 'nothing but the pid file holds it')
    assert.equal(await spawner().reapOrphans(), 1)
    await untilGone(childPid)
    assert.deepEqual(
      (await readdir(directory)).filter((name) => name.endsWith('.json')),
      [],
    )
  })
})

describe('reaping', { skip: !linux && 'needs /proc' }, () => {
  it('spares a process that only has the same pid, and tidies broken files away', async () => {
    const bystander = spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' })
    const { pid } = bystander
    assert.ok(pid)
    const gone = { pid: 2 ** 22 + 1, startTicks: 1 }
    const noted = processIdentity(pid)
    assert.ok(noted)
    const cases = {
      [pid]: { name: 'older', bootId: bootId(), child: { ...noted, startTicks: noted.startTicks - 1 }, parent: gone },
      [pid + 1]: { name: 'earlier boot', bootId: 'another', child: noted, parent: gone },
      [pid + 2]: { cut: 'off' },
    }
    for (const [name, file] of Object.entries(cases)) await writeFile(join(directory, `${name}.json`), JSON.stringify(file))
    await writeFile(join(directory, `${pid + 3}.json`), 'x'.repeat(10_000))
    assert.equal(await spawner().reapOrphans(), 0)
    assert.ok(processIdentity(pid), 'the bystander lives')
    assert.deepEqual(
      (await readdir(directory)).filter((name) => name.endsWith('.json')),
      [],
    )
    bystander.kill('SIGKILL')
    await once(bystander, 'exit')
  })

  it('of a folder that is not there finds nothing', async () => {
    const none = createChildSpawner({ clock: systemClock, log: silentLog, env: {}, directory: join(directory, 'none') })
    assert.equal(await none.reapOrphans(), 0)
  })
})

describe('the lines of a child', () => {
  it('are bounded in length, number and rate', () => {
    let now = 0
    const written: Array<[string, number]> = []
    const lines = new ChildLines({ ...systemClock, monotonic: () => now }, (line, dropped) => written.push([line.slice(0, 9), dropped]))
    lines.push(Buffer.from(Array.from({ length: CHILD_LINES_PER_SECOND_MAX + 5 }, (_, index) => `line ${index}\n`).join('')))
    assert.equal(written.length, CHILD_LINES_PER_SECOND_MAX)
    now = 1000
    lines.push(Buffer.from('\n\nafter\nunfinished '))
    assert.deepEqual(written.at(-1), ['after', 5])
    assert.equal(lines.kept.at(-1), 'unfinished ')
    lines.push(Buffer.from('x'.repeat(100_000)))
    lines.end()
    assert.equal(written.at(-1)?.[0], 'unfinishe')
    assert.ok((lines.kept.at(-1)?.length ?? 0) <= 4096)
    assert.equal(lines.kept.length, 20)
  })
})
