/** Bytes by where they lie: `memory`, or an accelerator's id. What is not named takes nothing. */
export type Bytes = Readonly<Record<string, number>>

export const nothing: Bytes = {}

export function plus(a: Bytes, b: Bytes): Bytes {
  const sum: Record<string, number> = { ...a }
  for (const [device, bytes] of Object.entries(b)) sum[device] = (sum[device] ?? 0) + bytes
  return sum
}

export function minus(a: Bytes, b: Bytes): Bytes {
  const rest: Record<string, number> = { ...a }
  for (const [device, bytes] of Object.entries(b)) rest[device] = (rest[device] ?? 0) - bytes
  return rest
}

export function larger(a: Bytes, b: Bytes): Bytes {
  const most: Record<string, number> = { ...a }
  for (const [device, bytes] of Object.entries(b)) most[device] = Math.max(most[device] ?? 0, bytes)
  return most
}

export function total(many: Iterable<Bytes>): Bytes {
  let sum = nothing
  for (const bytes of many) sum = plus(sum, bytes)
  return sum
}

/** What of `wanted` is over the limit, device by device. A device without a limit has room for everything. */
export function excess(wanted: Bytes, limits: Bytes): Bytes {
  const over: Record<string, number> = {}
  for (const [device, bytes] of Object.entries(wanted)) {
    const limit = limits[device]
    if (limit !== undefined && bytes > limit) over[device] = bytes - limit
  }
  return over
}

export function isNothing(bytes: Bytes): boolean {
  return Object.values(bytes).every((count) => count <= 0)
}

/** Of `bytes`, how much lies where something is `missing`. */
export function overlap(bytes: Bytes, missing: Bytes): number {
  let sum = 0
  for (const [device, count] of Object.entries(missing)) if (count > 0) sum += Math.min(count, bytes[device] ?? 0)
  return sum
}

/** One byte more than is free, wherever something is in the way. */
export function moreThanFree(limits: Bytes, others: Bytes): Bytes {
  return Object.fromEntries(
    Object.entries(others).flatMap(([device, bytes]) => {
      const limit = limits[device]
      return limit === undefined || bytes <= 0 ? [] : [[device, Math.max(0, limit - bytes) + 1]]
    }),
  )
}
