import type { Clock, Log } from '@soma/core'
import { READ_ACCELERATORS_MS, READ_MS, READ_UNDER_PRESSURE_MS } from './limits.ts'
import { type DevicePressure, type MemoryReading, type Pressure, noPressure, pressureLevels } from './pressure.ts'
import { type PressureState, describePressure, isNearPressure, stepPressure } from './pressure-step.ts'

export interface PressureWatcherDeps {
  readonly clock: Clock
  readonly log: Log
  /** The machine's memory, as little as this process and its children may use of it. Called a few times a second. */
  readonly readMemory: () => MemoryReading
  /** Accelerators with memory of their own. Asked rarely, and only while `usesAccelerators` says so. */
  readonly readAccelerators?: () => Promise<readonly MemoryReading[]>
  readonly usesAccelerators?: () => boolean
  /** Told at every reading while a level is not `none`, and once when it is over. Must not throw. */
  readonly onPressure: (pressure: Pressure) => void
}

/** Watches how short memory is. */
export interface PressureWatcher extends Disposable {
  /** As last read. */
  readonly now: Pressure
  /** Begins to watch; the first reading is made at once. */
  start(): void
}

/** Reads memory again and again, more often while it is short. */
export function createPressureWatcher(deps: PressureWatcherDeps): PressureWatcher {
  return new Watcher(deps)
}

class Watcher implements PressureWatcher {
  now: Pressure = noPressure
  readonly #deps: PressureWatcherDeps
  readonly #states = new Map<string, PressureState>()
  readonly #devices = new Map<string, DevicePressure>()
  #acceleratorsReadAt = -Infinity
  #isReadingAccelerators = false
  #timer: Disposable | undefined
  #isOver = false

  constructor(deps: PressureWatcherDeps) {
    this.#deps = deps
  }

  start(): void {
    if (!this.#timer && !this.#isOver) this.#read()
  }

  [Symbol.dispose](): void {
    this.#isOver = true
    this.#timer?.[Symbol.dispose]()
  }

  #read(): void {
    this.#lookAtAccelerators()
    const memory = this.#deps.readMemory()
    this.#take([memory])
    if (this.#isOver) return
    const isAtEase = this.now.level === 'none' && !isNearPressure(memory)
    this.#timer = this.#deps.clock.schedule(isAtEase ? READ_MS : READ_UNDER_PRESSURE_MS, () => this.#read())
  }

  #take(readings: readonly MemoryReading[]): void {
    for (const reading of readings) {
      const state = stepPressure(this.#states.get(reading.device), reading)
      this.#states.set(reading.device, state)
      this.#devices.set(reading.device, describePressure(state, reading))
    }
    const before = this.now.level
    const devices = [...this.#devices.values()]
    const rank = Math.max(0, ...devices.map(({ level }) => pressureLevels.indexOf(level)))
    this.now = { level: pressureLevels[rank] ?? 'none', devices }
    // The last one, too, which says that it is over.
    if (this.now.level !== 'none' || before !== 'none') this.#deps.onPressure(this.now)
  }

  #lookAtAccelerators(): void {
    const { clock, log, readAccelerators, usesAccelerators = () => true } = this.#deps
    if (!readAccelerators || this.#isReadingAccelerators) return
    if (!usesAccelerators()) return this.#forgetAccelerators()
    if (clock.monotonic() - this.#acceleratorsReadAt < READ_ACCELERATORS_MS) return
    this.#isReadingAccelerators = true
    this.#acceleratorsReadAt = clock.monotonic()
    void readAccelerators()
      .then((readings) => this.#isOver || this.#take(readings))
      .catch((error: unknown) => log.warn('the memory of the accelerators could not be read', { error }))
      .finally(() => (this.#isReadingAccelerators = false))
  }

  /** With nothing of ours on them their shortage is not ours to end. */
  #forgetAccelerators(): void {
    this.#acceleratorsReadAt = -Infinity
    for (const device of [...this.#states.keys()].filter((name) => name !== 'memory')) {
      this.#states.delete(device)
      this.#devices.delete(device)
    }
  }
}
