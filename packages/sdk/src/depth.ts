import { SomaError } from '@soma/core'
import { INPUT_DEPTH_MAX } from './limits.ts'

/**
 * Why an input cannot be sent: no daemon would take it, and on a socket it would cost the connection, and with it all
 * other calls. Cyclic values end here too.
 */
export function tooDeep(input: unknown): SomaError | undefined {
  if (!isDeeper(input, INPUT_DEPTH_MAX)) return undefined
  return new SomaError('call/too-large', `the input is nested deeper than ${INPUT_DEPTH_MAX} levels`, {
    details: { depthMax: INPUT_DEPTH_MAX },
  })
}

/** On every call's path, so it allocates nothing. */
function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return false
  if (levels < 0) return true
  if (Array.isArray(value)) {
    for (const item of value) if (typeof item === 'object' && isDeeper(item, levels - 1)) return true
    return false
  }
  for (const key in value) if (isDeeper((value as Record<string, unknown>)[key], levels - 1)) return true
  return false
}
