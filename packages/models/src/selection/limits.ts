/** Points and bounds of choosing an engine: unit in the name where there is one, reason beside it. */

/**
 * Each kind of point outweighs all below it together: what the user chose, then what the package names, then the device,
 * then details.
 */
export const POINTS = {
  userEngine: 2000,
  userDevice: 1000,
  packageEngine: 400,
  taskNamed: 200,
  /** Dedicated memory: 5 to 30 times the bandwidth of the machine's. */
  ownMemory: 120,
  /** The same memory as the CPU's, and more arithmetic: prompts are faster, answers are not. */
  sharedMemory: 40,
  /** Few operators run there, and what does not goes back and forth. */
  npu: -40,
  /** Copying there and back costs more than the work. */
  smallOnAccelerator: -200,
  wideVectors: 10,
  narrowVectors: -10,
  fitsNow: 20,
  /** Behind every local one, also where it is allowed. */
  remote: -400,
} as const

/** Below this much data a call takes about as long as starting work on an accelerator does: 32 MiB are read in 1 ms from memory. */
export const SMALL_MODEL_BYTES = 32 * 1024 * 1024
/** Vector registers from which quantised kernels have fast forms (AVX2, SVE-256). */
export const WIDE_VECTOR_BITS = 256
