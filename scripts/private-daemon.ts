import { launchDaemon } from '@soma/cli'
import type { Clock } from '@soma/core'
import { type DaemonInfo, type SomaPaths, isProcessAlive, probeSocket, readDaemonFile } from '@soma/host'

export interface PrivateDaemonOptions {
  readonly paths: SomaPaths
  readonly env: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
  /** Path of the daemon's program. */
  readonly program: string
  /** It goes on when this process has ended in order. */
  readonly keep: boolean
}

/** A stopping daemon lets calls finish for ten seconds. */
const STOP_MS_MAX = 20_000
const POLL_MS = 25

/** A daemon that is ours alone, and ends with us unless it is kept. One that somebody kept earlier is used and left as it is. */
export class PrivateDaemon {
  wasRunning = false
  readonly #options: PrivateDaemonOptions
  #pid: number | undefined

  constructor(options: PrivateDaemonOptions) {
    this.#options = options
  }

  async start(signal: AbortSignal): Promise<DaemonInfo> {
    const { paths, env, clock, program, keep } = this.#options
    const kept = readDaemonFile(paths.daemonFile)
    if (kept && (await probeSocket(paths.socket)).state === 'answers') {
      this.wasRunning = true
      return kept
    }
    const info = await launchDaemon({ paths, args: ['--port', '0'], env, clock, signal, program, endsWithUs: !keep })
    this.#pid = info.pid
    return info
  }

  /** From now on it is no longer ours to stop. */
  keep(): void {
    this.#pid = undefined
  }

  /** Tells it to stop and waits until it is gone, engines and all. */
  async stop(): Promise<void> {
    const { clock } = this.#options
    if (this.#pid === undefined) return
    this.#signal('SIGTERM')
    for (const deadline = clock.monotonic() + STOP_MS_MAX; isProcessAlive(this.#pid); await clock.sleep(POLL_MS))
      if (clock.monotonic() > deadline) this.kill()
  }

  /** Ends it at once; the kernel ends its engines with it. */
  kill(): void {
    if (this.#pid !== undefined) this.#signal('SIGKILL')
  }

  #signal(signal: NodeJS.Signals): void {
    try {
      process.kill(this.#pid ?? 0, signal)
    } catch {
      // Gone already.
    }
  }
}
