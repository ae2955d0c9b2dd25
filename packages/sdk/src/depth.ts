import { SomaError } from '@soma/core'
import { INPUT_DEPTH_MAX } from './limits.ts'

/**
 * Refuses an input that no daemon would take, before it is sent: on a socket it would cost the connection, and with it
 * all other calls. Cyclic values are refused for the same reason.
 * @throws {SomaError} `call/too-large`
 */
export function checkDepth(input: unknown): void {
  if (!isDeeper(input, INPUT_DEPTH_MAX)) return
  throw new SomaError('call/too-large', `the input is nested deeper than ${INPUT_DEPTH_MAX} levels`, {
    details: { depthMax: INPUT_DEPTH_MAX },
  })
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return false
  if (levels < 0) return true
  return (Array.isArray(value) ? value : Object.values(value)).some((item) => isDeeper(item, levels - 1))
}
