/** From when on memory is short: unit in the name, reason beside it. */

const MIB = 1024 * 1024

/**
 * Below this share of all memory, within these bounds, models are given back: what a desktop needs to open its next
 * program without swapping.
 */
export const SOME = { share: 0.1, bytesMin: 256 * MIB, bytesMax: 4096 * MIB } as const
/** The kernel starts to kill near 1 %; a load can take 1 GiB/s, and is noticed within one interval. */
export const CRITICAL = { share: 0.04, bytesMin: 96 * MIB, bytesMax: 1536 * MIB } as const
/** Small machines and groups: never more than these shares, else they would always be short. */
export const SOME_SHARE_MAX = 0.2
export const CRITICAL_SHARE_MAX = 0.08
/** A level is left only when there is so much more than what began it: else giving back a little would end it, and taking it begin it. */
export const CALM_FACTOR = 1.25
/** And only after as many readings in a row: a program that frees to take more is not done. */
export const CALM_READINGS = 4
/** Tasks that stand still this much of the time are out of memory, whatever the numbers say (`oomd` acts from 10 to 60 on). */
export const STALLED_PERCENT = 10
export const ALL_STALLED_PERCENT = 5
/** Stalls count only below this share of memory: another control group's are not ours to end. */
export const STALL_SHARE_MAX = 0.3
/** Below so many times the first threshold it is read as often as under pressure: what takes memory fast shall not jump over a level. */
export const WATCHED_FACTOR = 2
/** Between two readings: at ease, and near or under pressure. A reading takes about 0.5 ms. */
export const READ_MS = 1000
export const READ_UNDER_PRESSURE_MS = 250
/** Between two readings of accelerators: a vendor's program takes 20 to 100 ms. */
export const READ_ACCELERATORS_MS = 5000
