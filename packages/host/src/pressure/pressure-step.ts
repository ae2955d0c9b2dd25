import {
  ALL_STALLED_PERCENT,
  CALM_FACTOR,
  CALM_READINGS,
  CRITICAL,
  CRITICAL_SHARE_MAX,
  SOME,
  SOME_SHARE_MAX,
  STALLED_PERCENT,
  STALL_SHARE_MAX,
  WATCHED_FACTOR,
} from './limits.ts'
import { type DevicePressure, type MemoryReading, type PressureLevel, pressureLevels } from './pressure.ts'

/** What is remembered of one kind of memory between two readings. */
export interface PressureState {
  readonly level: PressureLevel
  /** Readings in a row that would have allowed a lower level. */
  readonly calm: number
}

/** Bytes below which memory is short. */
export interface Thresholds {
  readonly someBytes: number
  readonly criticalBytes: number
}

export function thresholdsOf(totalBytes: number): Thresholds {
  const within = ({ share, bytesMin, bytesMax }: typeof SOME | typeof CRITICAL): number =>
    Math.min(Math.max(totalBytes * share, bytesMin), bytesMax)
  return {
    someBytes: Math.min(within(SOME), totalBytes * SOME_SHARE_MAX),
    criticalBytes: Math.min(within(CRITICAL), totalBytes * CRITICAL_SHARE_MAX),
  }
}

/**
 * The next state of one kind of memory. A level is raised at once; it is lowered one by one, after several readings that
 * are well above. Pure.
 */
export function stepPressure(before: PressureState | undefined, reading: MemoryReading): PressureState {
  const { level: held, calm: calmBefore } = before ?? { level: 'none', calm: 0 }
  const reached = levelOf(reading)
  if (rank(reached) >= rank(held)) return { level: reached, calm: 0 }
  const isCalm = rank(levelOf({ ...reading, availableBytes: reading.availableBytes / CALM_FACTOR })) < rank(held)
  const calm = isCalm ? calmBefore + 1 : 0
  return calm < CALM_READINGS ? { level: held, calm } : { level: pressureLevels[rank(held) - 1] ?? 'none', calm: 0 }
}

/** Whether it may become short before a slow watcher looks again. */
export function isNearPressure({ totalBytes, availableBytes }: MemoryReading): boolean {
  return availableBytes < thresholdsOf(totalBytes).someBytes * WATCHED_FACTOR
}

/** A state in words and numbers. */
export function describePressure(state: PressureState, reading: MemoryReading): DevicePressure {
  const { device, totalBytes, availableBytes, stalledPercent = 0 } = reading
  const { someBytes } = thresholdsOf(totalBytes)
  const wantedBytes = Math.ceil(someBytes * CALM_FACTOR)
  // Tasks that stand still need more than the numbers say; how much nobody knows.
  const leastBytes = stalledPercent >= STALLED_PERCENT ? someBytes : 0
  const bytesToFree = state.level === 'none' ? 0 : Math.max(Math.ceil(leastBytes), wantedBytes - availableBytes)
  return { device, level: state.level, totalBytes, availableBytes, bytesToFree, why: sentence(state, reading, wantedBytes) }
}

function levelOf({ totalBytes, availableBytes, stalledPercent = 0, allStalledPercent = 0 }: MemoryReading): PressureLevel {
  const { someBytes, criticalBytes } = thresholdsOf(totalBytes)
  const isShort = availableBytes < someBytes
  const areAllStalled = allStalledPercent >= ALL_STALLED_PERCENT
  if (availableBytes < criticalBytes || (isShort && areAllStalled)) return 'critical'
  const isStallOurs = availableBytes < totalBytes * STALL_SHARE_MAX
  return isShort || (isStallOurs && (areAllStalled || stalledPercent >= STALLED_PERCENT)) ? 'some' : 'none'
}

function sentence({ level }: PressureState, reading: MemoryReading, wantedBytes: number): string {
  const { device, availableBytes, totalBytes, stalledPercent = 0 } = reading
  const where = device === 'memory' ? 'memory' : `${device}'s memory`
  const stalls = stalledPercent >= STALLED_PERCENT ? `, and tasks stood still for it ${Math.round(stalledPercent)} % of the last 10 s` : ''
  const goal = level === 'none' ? '' : `; ${gigabytes(wantedBytes)} are wanted`
  return `${gigabytes(availableBytes)} of ${gigabytes(totalBytes)} of ${where} are available${stalls}${goal}.`
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(2)} GB`
}

function rank(level: PressureLevel): number {
  return pressureLevels.indexOf(level)
}
