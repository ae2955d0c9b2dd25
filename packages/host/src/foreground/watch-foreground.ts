import type { Clock, Log } from '@soma/core'
import { LOOK_MS, OVER_AFTER_MS } from './limits.ts'
import { type ProcessName, matchPrograms } from './programs.ts'

/** Whether somebody needs the machine for something other than models. */
export interface Foreground {
  readonly active: boolean
  /** One sentence: which program, or none. */
  readonly why: string
}

export interface ForegroundSettings {
  readonly enabled: boolean
  /** As `matchPrograms` takes them. */
  readonly programs: readonly string[]
}

export interface ForegroundWatcherDeps {
  readonly clock: Clock
  readonly log: Log
  /** Asked anew at every look: settings may change. */
  readonly settings: () => ForegroundSettings
  readonly processes: () => readonly ProcessName[]
  /** Clients of GameMode; asked only while its service runs. */
  readonly gameModeClients?: () => Promise<number>
  /** Told when it begins and when it is over. Must not throw. */
  readonly onChange: (foreground: Foreground) => void
}

/** Watches for programs that come before models. */
export interface ForegroundWatcher extends Disposable {
  readonly now: Foreground
  start(): void
}

const nobody: Foreground = { active: false, why: 'No program of the foreground runs.' }

/** Looks at the list of processes again and again. */
export function createForegroundWatcher(deps: ForegroundWatcherDeps): ForegroundWatcher {
  return new Watcher(deps)
}

class Watcher implements ForegroundWatcher {
  now: Foreground = nobody
  readonly #deps: ForegroundWatcherDeps
  #timer: Disposable | undefined
  #seenAt = -Infinity
  #isOver = false
  /** The list that the matcher was made of: it changes rarely. */
  #matcher: { readonly of: readonly string[]; readonly matches: (process: ProcessName) => boolean } = { of: [], matches: () => false }

  constructor(deps: ForegroundWatcherDeps) {
    this.#deps = deps
  }

  start(): void {
    if (!this.#timer && !this.#isOver) void this.#look()
  }

  [Symbol.dispose](): void {
    this.#isOver = true
    this.#timer?.[Symbol.dispose]()
  }

  async #look(): Promise<void> {
    try {
      this.#judge(await this.#find())
    } catch (error) {
      this.#deps.log.warn('the programs of the foreground could not be looked for', { error })
    }
    if (!this.#isOver) this.#timer = this.#deps.clock.schedule(LOOK_MS, () => void this.#look())
  }

  /** Why models step back; undefined when nothing asks them to. */
  async #find(): Promise<string | undefined> {
    const { settings, processes, gameModeClients } = this.#deps
    const { enabled, programs } = settings()
    if (!enabled) return undefined
    if (this.#matcher.of !== programs) this.#matcher = { of: programs, matches: matchPrograms(programs) }
    const running = processes()
    const found = running.find(this.#matcher.matches)
    if (found) return `${found.name} runs (process ${found.pid}).`
    if (!gameModeClients || !running.some(({ name }) => name === 'gamemoded')) return undefined
    return (await gameModeClients()) > 0 ? 'A game has asked GameMode for the machine.' : undefined
  }

  #judge(why: string | undefined): void {
    if (this.#isOver) return
    const at = this.#deps.clock.monotonic()
    if (why !== undefined) this.#seenAt = at
    const isActive = why !== undefined || (this.now.active && at - this.#seenAt < OVER_AFTER_MS)
    const changed = isActive !== this.now.active
    if (!isActive) this.now = nobody
    else if (why !== undefined) this.now = { active: true, why }
    if (changed) this.#deps.onChange(this.now)
  }
}
