import { mkdir, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock, Log } from '@soma/core'
import { z } from 'zod'
import { PID_FILES_MAX, PID_FILE_BYTES_MAX, REAP_WAIT_MS_MAX } from './limits.ts'
import { type ProcessIdentity, bootId, isSameProcess, processIdentity } from './proc-stat.ts'

const IdentitySchema = z.strictObject({ pid: z.number().int().positive(), startTicks: z.number().int().nonnegative() })
const PidFileSchema = z.strictObject({ name: z.string(), bootId: z.string(), child: IdentitySchema, parent: IdentitySchema })
type PidFile = z.output<typeof PidFileSchema>

/** Notes in `directory` which processes are ours, so that a daemon started after a crash can end what the crash left. */
export class PidFiles {
  readonly #directory: string

  constructor(directory: string) {
    this.#directory = directory
  }

  /** Without /proc nothing is noted: a bare pid must never be killed later. */
  async add(pid: number, name: string): Promise<void> {
    const child = processIdentity(pid)
    const parent = processIdentity(process.pid)
    if (!child || !parent) return
    const file: PidFile = { name, bootId: bootId(), child, parent }
    await mkdir(this.#directory, { recursive: true, mode: 0o700 })
    await writeFile(this.#path(pid), JSON.stringify(file), { mode: 0o600 })
  }

  async remove(pid: number): Promise<void> {
    await rm(this.#path(pid), { force: true })
  }

  /**
   * Kills the noted processes whose parent is gone, with all of their process group. One that merely has the same pid, or whose
   * parent lives, is left alone.
   * @returns how many were killed.
   */
  async reap(clock: Clock, log: Log): Promise<number> {
    let reaped = 0
    for (const { path, file } of await this.#read()) {
      if (file && isAlive(file, file.parent)) continue
      if (file && isAlive(file, file.child)) {
        await killOrphan(file.child, clock)
        log.warn('an engine process of an earlier daemon was still running and was killed', { name: file.name, pid: file.child.pid })
        reaped += 1
      }
      await rm(path, { force: true })
    }
    return reaped
  }

  #path(pid: number): string {
    return join(this.#directory, `${pid}.json`)
  }

  async #read(): Promise<Array<{ path: string; file: PidFile | undefined }>> {
    const names = await readdir(this.#directory).catch(() => [])
    const paths = names.filter((name) => /^\d+\.json$/.test(name)).slice(0, PID_FILES_MAX)
    return await Promise.all(
      paths.map((name) => join(this.#directory, name)).map(async (path) => ({ path, file: await readPidFile(path) })),
    )
  }
}

/** Undefined when it is cut off or not ours: it was being written when its writer died, and names no process. */
async function readPidFile(path: string): Promise<PidFile | undefined> {
  try {
    if ((await stat(path)).size > PID_FILE_BYTES_MAX) return undefined
    return PidFileSchema.parse(JSON.parse(await readFile(path, 'utf8')))
  } catch {
    return undefined
  }
}

function isAlive(file: PidFile, identity: ProcessIdentity): boolean {
  return file.bootId === bootId() && isSameProcess(identity)
}

async function killOrphan(identity: ProcessIdentity, clock: Clock): Promise<void> {
  const deadline = clock.monotonic() + REAP_WAIT_MS_MAX
  signalGroup(identity.pid, 'SIGKILL')
  while (isSameProcess(identity) && clock.monotonic() < deadline) await clock.sleep(5)
}

/** Signals a child and everything it started itself; children are leaders of their own process group. */
export function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal)
  } catch {
    // ESRCH: all of them have ended. There is nobody left to signal.
  }
}
