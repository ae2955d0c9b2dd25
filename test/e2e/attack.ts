// What the tests of bad input share: looking at a process from outside, running the programs, waiting, asking over HTTP.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { type Socket, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Soma, isSomaError } from '@soma/sdk'
import { type TestDaemon, daemonCommand, environment } from './daemon.ts'

export const root = join(import.meta.dirname, '..', '..')
export const MIB = 1024 * 1024
/** Far above what a busy machine takes: only a hang reaches it. */
const WAIT_MS_MAX = 120_000

/** Resolves once `condition` holds. */
export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (const deadline = performance.now() + WAIT_MS_MAX; !(await condition()); await sleep(5))
    assert.ok(performance.now() < deadline, `in vain: ${what}`)
}

/** The process that runs a call of the model, once there is one; `other` than the one that did before. */
export async function busyProcess(soma: Soma, model: string, other?: number): Promise<number> {
  let pid: number | undefined
  await until(async () => {
    const { processes } = await soma.system.status()
    pid = processes.find((process) => process.model === model && process.state === 'busy' && process.pid !== other)?.pid
    return pid !== undefined
  }, `${model} is busy`)
  return pid ?? assert.fail()
}

/** Memory of a process that is really in use. */
export function residentMib(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
}

/** The most it ever was. */
export function peakMib(pid: number): number {
  return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
}

export function openFiles(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length
}

/** A folder that is gone with the test. */
export async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'soma-bad-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs `soma` against the daemon of a home. */
export async function soma(home: string, ...args: string[]): Promise<Ended> {
  const built = join(root, 'dist', 'soma.mjs')
  return ended(
    spawn(process.execPath, [existsSync(built) ? built : join(root, 'packages', 'cli', 'src', 'main.ts'), ...args], options(home)),
  )
}

/** Runs a daemon that is expected to end by itself. */
export async function failingDaemon(home: string, ...args: string[]): Promise<Ended> {
  const [program, ...first] = daemonCommand
  return ended(spawn(program, [...first, ...args], options(home)))
}

function options(home: string) {
  return { env: { ...environment(home), NO_COLOR: '1' }, stdio: ['ignore', 'pipe', 'pipe'] as ['ignore', 'pipe', 'pipe'] }
}

async function ended(child: ChildProcess): Promise<Ended> {
  const output = { stdout: '', stderr: '' }
  child.stdout?.on('data', (bytes: Buffer) => (output.stdout += bytes.toString()))
  child.stderr?.on('data', (bytes: Buffer) => (output.stderr += bytes.toString()))
  const timer = setTimeout(() => child.kill('SIGKILL'), WAIT_MS_MAX)
  const [code] = (await once(child, 'close')) as [number | null]
  clearTimeout(timer)
  return { code, ...output }
}

export interface Refusal {
  readonly code: string
  readonly message: string
  readonly retryable: boolean
  readonly details: Readonly<Record<string, unknown>>
}

/** What a call fails with; fails itself when the call does not, or not with a typed error. */
export async function refusalOf(call: Promise<unknown>): Promise<Refusal> {
  const error: unknown = await call.then(
    (output) => assert.fail(`it was done: ${JSON.stringify(output)?.slice(0, 200)}`),
    (thrown: unknown) => thrown,
  )
  assert.ok(isSomaError(error), String(error))
  return { code: error.code, message: error.message, retryable: error.retryable, details: error.details }
}

/** The refusal of `call`, which must have this code and message. */
export async function refused(call: Promise<unknown>, code: string, message: RegExp = /./): Promise<Refusal> {
  const refusal = await refusalOf(call)
  assert.equal(refusal.code, code, refusal.message)
  assert.match(refusal.message, message)
  return refusal
}

/** Reads a stream to its end for its output. */
export async function outputOf<Output>(stream: AsyncIterable<unknown> & { readonly output: Promise<Output> }): Promise<Output> {
  for await (const _ of stream);
  return stream.output
}

/** A connection whose bytes the test writes itself. */
export class RawSocket implements Disposable {
  readonly socket: Socket
  /** What has come so far; nothing when it is never to read. */
  text = ''
  readonly closed: Promise<void>

  private constructor(socket: Socket, reads: boolean) {
    this.socket = socket
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()))
    socket.on('error', () => undefined)
    if (reads) this.read()
    else socket.pause()
  }

  read(): void {
    this.socket.on('data', (bytes: Buffer) => (this.text += bytes.toString('latin1'))).resume()
  }

  /** To the socket of a daemon, or its HTTP port. */
  static async open(daemon: TestDaemon, face: 'ipc' | 'http', { reads = true }: { readonly reads?: boolean } = {}): Promise<RawSocket> {
    const socket = connect(face === 'ipc' ? { path: daemon.socket } : { host: '127.0.0.1', port: Number(new URL(daemon.url).port) })
    const raw = new RawSocket(socket, reads)
    await once(socket, 'connect')
    return raw
  }

  /** A request's head with our Host and these header lines. */
  head(requestLine: string, ...headers: string[]): void {
    this.socket.write([`${requestLine} HTTP/1.1`, 'host: localhost', ...headers, '', ''].join('\r\n'))
  }

  /** Writes as fast as the other side takes it, until `sizeBytes` are written or the connection is over. @returns bytes that the socket took. */
  async pour(chunk: Uint8Array, sizeBytes: number): Promise<number> {
    let written = 0
    for (; written < sizeBytes && this.socket.writable; written += chunk.byteLength)
      if (!this.socket.write(chunk)) await Promise.race([once(this.socket, 'drain').catch(() => undefined), this.closed])
    return written
  }

  async until(pattern: RegExp): Promise<string> {
    await until(() => pattern.test(this.text) || this.socket.destroyed, pattern.source)
    assert.match(this.text, pattern)
    return this.text
  }

  [Symbol.dispose](): void {
    this.socket.destroy()
  }
}
