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
  if (isDeeper(value, JSON_DEPTH_MAX))
    throw new SomaError('call/too-large', `${what} is nested deeper than ${JSON_DEPTH_MAX} levels`, {
      details: { depthMax: JSON_DEPTH_MAX },
    })
  return value
}

/** Recursive, but only as deep as the limit: `levels` is what is left of it. On every message's path, so it allocates nothing. */
function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (levels < 0) return true
  if (Array.isArray(value)) {
    for (const item of value) if (typeof item === 'object' && isDeeper(item, levels - 1)) return true
    return false
  }
  for (const key in value) if (isDeeper((value as Record<string, unknown>)[key], levels - 1)) return true
  return false
}

/**
 * Whether a value is what JSON can say, no deeper than `levels`: finite numbers, plain objects, no `undefined`, no bytes.
 * Recursive, but only as deep as that.
 */
export function isJson(value: unknown, levels: number): value is Json {
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return true
  if (typeof value === 'number') return Number.isFinite(value)
  if (typeof value !== 'object' || levels < 0) return false
  if (Array.isArray(value)) {
    for (const item of value) if (!isJson(item, levels - 1)) return false
    return true
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return false
  for (const key in value) if (!isJson((value as Record<string, unknown>)[key], levels - 1)) return false
  return true
}

/** JSON with sorted keys and no white space, so that equal values give equal digests. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item === undefined ? null : item)).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  const entries = Object.entries(value).filter(([, item]) => item !== undefined)
  entries.sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`).join(',')}}`
}
