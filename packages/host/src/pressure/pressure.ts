/** How short memory is: enough, to be watched and given back, or about to run out. */
export const pressureLevels = ['none', 'some', 'critical'] as const
export type PressureLevel = (typeof pressureLevels)[number]

/** One kind of memory as it is now. */
export interface MemoryReading {
  /** `memory`, or an accelerator's id. */
  readonly device: string
  readonly totalBytes: number
  /** What can still be taken: of the machine, of the control group, or of the accelerator, whichever is least. */
  readonly availableBytes: number
  /** Percent of the last 10 s in which some, and in which all tasks stood still for want of memory; 0 where unknown. */
  readonly stalledPercent?: number | undefined
  readonly allStalledPercent?: number | undefined
}

/** How short one kind of memory is. */
export interface DevicePressure {
  /** `memory`, or an accelerator's id. */
  readonly device: string
  readonly level: PressureLevel
  readonly totalBytes: number
  readonly availableBytes: number
  /** What should be given back; 0 at `none`. */
  readonly bytesToFree: number
  /** One sentence with numbers. */
  readonly why: string
}

/** How short memory is. */
export interface Pressure {
  /** The worst of all devices. */
  readonly level: PressureLevel
  readonly devices: readonly DevicePressure[]
}

export const noPressure: Pressure = { level: 'none', devices: [] }
