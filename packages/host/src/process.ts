import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import { type Clock, type Log, SomaError, defined } from '@soma/core'
import { childEnvironment } from './child-env.ts'
import { ChildLines } from './child-lines.ts'
import { type CommandLine, type Lifeline, findLifeline } from './lifeline.ts'
import { KILL_GRACE_MS, STDERR_DRAIN_MS_MAX } from './limits.ts'
import { offerToOomKiller, oomKills } from './oom-score.ts'
import { PidFiles, signalGroup } from './pid-files.ts'
import { processPrivateBytes, processRssBytes, processesUnder } from './proc-stat.ts'
import type { SandboxFolders } from './sandbox/bubblewrap.ts'
import type { Sandbox } from './sandbox/sandbox.ts'

export interface ChildOptions {
  /** For the log and the pid file, e.g. `engine/onnx`. */
  readonly name: string
  readonly command: CommandLine
  /** Added to the allow-listed environment. */
  readonly env?: Readonly<Record<string, string>>
  /** What it sees where children are confined, beside what all see. */
  readonly folders?: SandboxFolders
}

/** How a process ended: one of the two is not null. */
export interface ChildExit {
  readonly code: number | null
  readonly signal: string | null
  /** It was killed, and the kernel has killed for lack of memory while it ran. */
  readonly isOutOfMemory?: boolean
}

/** A child process that ends with us, whatever happens. Its stderr goes to the log. */
export interface Child {
  readonly name: string
  readonly pid: number
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  readonly stdin: Writable
  readonly stdout: Readable
  /** Never rejects. */
  readonly exited: Promise<ChildExit>
  /** The last lines of its stderr, oldest first. */
  lastLines(): readonly string[]
  /** Memory in RAM, of all it started, too; 0 once it has ended, or without /proc. */
  rssBytes(): number
  /** Of that, what no file backs: mapped weights are not in it. */
  privateBytes(): number
  /** Itself and all it started, itself first; empty once it has ended. */
  pids(): readonly number[]
  /** SIGTERM, and SIGKILL after `graceMs`, to the process and all it started. Resolves once it is gone. */
  kill(options?: { readonly graceMs?: number }): Promise<ChildExit>
}

export interface ChildSpawner {
  /** What a child may see is settled when it starts: one that was started for nothing in particular is of no use later. */
  readonly isConfined: boolean
  /** @throws {SomaError} `engine/not-ready` when the program cannot be started. */
  spawn(options: ChildOptions): Promise<Child>
  /** Kills what an earlier daemon of the same directory left behind; call it while nobody else can use the directory. */
  reapOrphans(): Promise<number>
}

export interface ChildSpawnerDeps {
  readonly clock: Clock
  readonly log: Log
  /** The environment to take allowed variables from. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Private folder for pid files. */
  readonly directory: string
  /** Confines every child; none is when absent. */
  readonly sandbox?: Sandbox | undefined
}

/**
 * Starts child processes that cannot outlive this one: the kernel kills them with us where it can, a closed stdin tells them
 * elsewhere, and the pid files let the next daemon end whatever slipped through.
 */
export function createChildSpawner({ clock, log, env, directory, sandbox }: ChildSpawnerDeps): ChildSpawner {
  const pidFiles = new PidFiles(directory)
  let lifeline: Promise<Lifeline> | undefined
  return {
    isConfined: sandbox !== undefined,
    async spawn(options) {
      lifeline ??= findLifeline(childEnvironment(env))
      const command = sandbox ? await sandbox.wrap(options.command, options.folders) : options.command
      const [program, ...args] = (await lifeline)(command)
      // A group of its own: Ctrl-C in the terminal then reaches only us, and we let running calls finish first.
      const raw = spawn(program, args, { stdio: 'pipe', detached: true, env: childEnvironment(env, options.env) })
      const child = new SpawnedChild(raw, options.name, { clock, log, pidFiles })
      await child.started()
      return child
    },
    reapOrphans: async () => await pidFiles.reap(clock, log),
  }
}

interface SpawnedDeps {
  readonly clock: Clock
  readonly log: Log
  readonly pidFiles: PidFiles
}

class SpawnedChild implements Child {
  readonly name: string
  readonly startedAt: number
  readonly stdin: Writable
  readonly stdout: Readable
  readonly exited: Promise<ChildExit>
  readonly #raw: ChildProcessWithoutNullStreams
  readonly #clock: Clock
  readonly #pidFiles: PidFiles
  readonly #lines: ChildLines
  readonly #oomKillsBefore = oomKills()
  #ended = false

  constructor(raw: ChildProcessWithoutNullStreams, name: string, { clock, log, pidFiles }: SpawnedDeps) {
    this.name = name
    this.startedAt = clock.now()
    this.stdin = raw.stdin
    this.stdout = raw.stdout
    this.#raw = raw
    this.#clock = clock
    this.#pidFiles = pidFiles
    this.#lines = new ChildLines(clock, (line, dropped) => log.info(line, { child: name, pid: raw.pid, ...(dropped > 0 && { dropped }) }))
    this.exited = this.#watch()
  }

  get pid(): number {
    return defined(this.#raw.pid, 'the child was started')
  }

  async started(): Promise<void> {
    try {
      await once(this.#raw, 'spawn')
    } catch (cause) {
      throw new SomaError('engine/not-ready', `${this.name} cannot be started: ${(cause as Error).message}`, { cause })
    }
    await offerToOomKiller(this.pid)
    await this.#pidFiles.add(this.pid, this.name)
    if (this.#ended) await this.#pidFiles.remove(this.pid)
  }

  lastLines(): readonly string[] {
    return this.#lines.kept
  }

  rssBytes(): number {
    return this.pids().reduce((sum, pid) => sum + processRssBytes(pid), 0)
  }

  privateBytes(): number {
    return this.pids().reduce((sum, pid) => sum + processPrivateBytes(pid), 0)
  }

  pids(): readonly number[] {
    return this.#ended ? [] : processesUnder(this.pid)
  }

  async kill(options: { readonly graceMs?: number } = {}): Promise<ChildExit> {
    const { graceMs = KILL_GRACE_MS } = options
    if (this.#ended) return await this.exited
    signalGroup(this.pid, graceMs > 0 ? 'SIGTERM' : 'SIGKILL')
    using _deadline = this.#clock.schedule(graceMs, () => signalGroup(this.pid, 'SIGKILL'))
    return await this.exited
  }

  #watch(): Promise<ChildExit> {
    const { promise, resolve } = Promise.withResolvers<ChildExit>()
    this.#raw.stderr.on('data', (chunk: Buffer) => this.#lines.push(chunk))
    // Writing to a child that has ended fails with EPIPE; whoever waits for it learns that from `exited`.
    this.#raw.stdin.on('error', () => {})
    this.#raw.once('error', () => resolve({ code: null, signal: null }))
    this.#raw.once('exit', (code, signal) => {
      this.#ended = true
      // What the child started itself is in its group, and must not stay either.
      signalGroup(this.pid, 'SIGKILL')
      const isOutOfMemory = signal === 'SIGKILL' && oomKills() > this.#oomKillsBefore
      void this.#afterExit().then(() => resolve({ code, signal, ...(isOutOfMemory && { isOutOfMemory }) }))
    })
    return promise
  }

  /** The last words on stderr arrive after the exit; they belong into the error. */
  async #afterExit(): Promise<void> {
    const { stderr } = this.#raw
    // A grandchild that left the group may hold the pipe open for ever.
    using _deadline = this.#clock.schedule(STDERR_DRAIN_MS_MAX, () => stderr.destroy())
    if (!stderr.closed) await once(stderr, 'close').catch(() => {})
    this.#lines.end()
    await this.#pidFiles.remove(this.pid).catch(() => {})
  }
}
