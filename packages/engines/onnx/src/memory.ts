import type { MemoryEstimate, ModelPackage } from '@soma/spec'
import { PROCESS_BYTES, WEIGHT_FACTOR } from './limits.ts'

/** What a loaded model takes. Beside an accelerator the machine's memory holds what was read, and the device what it computes with. */
export function memoryOf({ files }: ModelPackage, device: string): MemoryEstimate {
  // All files: weights may lie in any of them, and what is not weights is small.
  const weightBytes = Math.ceil(WEIGHT_FACTOR * files.reduce((sum, file) => sum + file.sizeBytes, 0))
  return { residentBytes: PROCESS_BYTES + weightBytes, ...(device !== 'cpu' && { deviceBytes: { [device]: weightBytes } }) }
}
