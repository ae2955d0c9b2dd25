// A real daemon in a home of its own, for end-to-end tests and benchmarks.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Soma, connect } from '@soma/sdk'

const root = join(import.meta.dirname, '..', '..')
const built = join(root, 'dist', 'somad.mjs')
/** Ends a daemon with the process that started it: a test that is killed runs no cleanup. */
const lifeline = ['setpriv', '--pdeathsig', 'KILL'] as const
const program = [process.execPath, existsSync(built) ? built : join(root, 'packages', 'daemon', 'src', 'main.ts')] as const
/** The command line of the daemon: built if it is, so that it starts fast. */
export const daemonCommand: readonly [string, ...string[]] =
  spawnSync(lifeline[0], [...lifeline.slice(1), 'true']).status === 0 ? [...lifeline, ...program] : program
const READY_MS_MAX = 60_000
/** It lets calls end first, for ten seconds. */
const STOP_MS_MAX = 60_000

interface DaemonFile {
  readonly pid: number
  readonly faces: ReadonlyArray<{ readonly kind: string; readonly address: string }>
}

export class TestDaemon implements AsyncDisposable {
  readonly home: string
  readonly #env: Readonly<Record<string, string>>
  #child: ChildProcess | undefined
  #file: DaemonFile | undefined
  #output = ''

  private constructor(home: string, env: Readonly<Record<string, string>>) {
    this.home = home
    this.#env = env
  }

  /** Makes a home, or takes the one given, and starts a daemon in it. @param env variables beside those of `environment`. */
  static async start(home?: string, env: Readonly<Record<string, string>> = {}): Promise<TestDaemon> {
    const daemon = new TestDaemon(home ?? (await mkdtemp(join(tmpdir(), 'soma-e2e-'))), env)
    try {
      await daemon.start()
      return daemon
    } catch (error) {
      await daemon[Symbol.asyncDispose]()
      throw error
    }
  }

  get pid(): number {
    return this.#child?.pid ?? 0
  }

  get url(): string {
    return this.#file?.faces.find(({ kind }) => kind === 'http')?.address ?? ''
  }

  get socket(): string {
    return join(this.home, 'run', 'soma.sock')
  }

  get output(): string {
    return this.#output
  }

  /** Starts it (again) on what its home holds. @returns milliseconds until it was ready. */
  async start(): Promise<number> {
    await mkdir(this.home, { recursive: true })
    const started = performance.now()
    const [program, ...args] = daemonCommand
    const child = spawn(program, [...args, '--port', '0'], {
      env: { ...environment(this.home), ...this.#env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#child = child
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (this.#output += chunk.toString()))
    for (;;) {
      const file = await readFile(join(this.home, 'run', 'daemon.json'), 'utf8').catch(() => undefined)
      if (file !== undefined) this.#file = JSON.parse(file) as DaemonFile
      if (this.#file?.pid === child.pid) return performance.now() - started
      if (child.exitCode !== null || performance.now() - started > READY_MS_MAX)
        throw new Error(`the daemon did not start:\n${this.#output}`)
      await sleep(2)
    }
  }

  async connect(): Promise<Soma> {
    return await connect({ socket: this.socket })
  }

  /** Ends it as a power cut would. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM')
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.#child
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill(signal)
    const late = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX)
    await exited
    clearTimeout(late)
    assert.equal(child.signalCode === 'SIGKILL', signal === 'SIGKILL', `the daemon ends within ${STOP_MS_MAX} ms:\n${this.#output}`)
  }

  /** Processes that this daemon or one before it in this home started, and that still run. */
  processes(): number[] {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .filter((pid) => pid !== this.pid && environmentOf(pid).includes(`HOME=${this.home}\0`))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.stop()
    } finally {
      await rm(this.home, { recursive: true, force: true })
    }
  }
}

function environmentOf(pid: number): string {
  try {
    // A zombie has no environment any more: it is not an orphan, only not yet waited for.
    return readFileSync(`/proc/${pid}/environ`, 'utf8')
  } catch {
    return ''
  }
}

/** HOME marks every process of a daemon, so that orphans can be found by it. */
export function environment(home: string): Record<string, string | undefined> {
  return { PATH: process.env['PATH'], HOME: home, SOMA_HOME: home, ...proxies() }
}

function proxies(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      (entry): entry is [string, string] =>
        /^(https?_proxy|no_proxy|npm_config_.*|node_extra_ca_certs)$/i.test(entry[0]) && entry[1] !== undefined,
    ),
  )
}

/** A folder that installs as a model of the echo engine, with `bytes` of weight beside it. */
export async function echoModel(folder: string, weight: Uint8Array = new Uint8Array(0)): Promise<string> {
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'model.echo'), '{}')
  await writeFile(join(folder, 'config.json'), JSON.stringify({ weight: Buffer.from(weight).toString('base64') }))
  return `file/${folder}`
}
