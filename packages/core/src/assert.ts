/**
 * States what must be true if the program is right. Stays on in production: a broken invariant must stop the
 * operation, not corrupt data. For bad input throw a `SomaError` instead.
 */
export function assert(condition: unknown, why: string): asserts condition {
  if (!condition) throw new Error(`broken invariant: ${why}`)
}

/** @returns `value`, which the caller knows to be there. */
export function defined<T>(value: T | null | undefined, why: string): T {
  assert(value !== undefined && value !== null, why)
  return value
}
