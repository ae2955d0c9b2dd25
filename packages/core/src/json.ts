import { SomaError } from './error.ts'
import { JSON_DEPTH_MAX } from './limits.ts'

/** Any JSON value. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false })

/**
 * Parses JSON that came from outside.
 * @throws {SomaError} `call/malformed` for invalid UTF-8 or JSON, `call/too-large` for nesting over `JSON_DEPTH_MAX`.
 */
export function parseJson(bytes: Uint8Array | string, what = 'the message'): unknown {
  let value: unknown
  try {
    value = JSON.parse(typeof bytes === 'string' ? bytes : decoder.decode(bytes))
  } catch (cause) {
    throw new SomaError('call/malformed', `${what} is not valid JSON: ${(cause as Error).message}`, { cause })
  }
  checkDepth(value, what)
  return value
}

/** Iterative, because the point is to survive values that a recursive walk would not. */
function checkDepth(root: unknown, what: string): void {
  let level: unknown[] = [root]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > JSON_DEPTH_MAX)
      throw new SomaError('call/too-large', `${what} is nested deeper than ${JSON_DEPTH_MAX} levels`, {
        details: { depthMax: JSON_DEPTH_MAX },
      })
    const next: unknown[] = []
    for (const value of level) {
      // A loop, not `push(...)`: spreading a million values would overflow the stack.
      if (typeof value === 'object' && value !== null)
        for (const child of Object.values(value)) if (typeof child === 'object' && child !== null) next.push(child)
    }
    level = next
  }
}

/** JSON with sorted keys and no white space, so that equal values give equal digests. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item === undefined ? null : item)).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  const entries = Object.entries(value).filter(([, item]) => item !== undefined)
  entries.sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`).join(',')}}`
}
