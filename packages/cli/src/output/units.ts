const byteUnits = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']

/** `10.8 MB`: powers of a thousand, as disks and registries count. */
export function formatBytes(bytes: number): string {
  const { digits, power } = inThousands(bytes, byteUnits.length)
  return `${digits} ${byteUnits[power]}`
}

/** Two or three digits, and the power of a thousand that goes with them. Rounded first: 999,999 is `1.0` million, not 1000 thousand. */
function inThousands(count: number, units: number): { readonly digits: string; readonly power: number } {
  let power = 0
  while (power < units - 1 && Math.round(count / 1000 ** power) >= 1000) power++
  const value = count / 1000 ** power
  return { digits: power === 0 || Number(value.toFixed(1)) >= 100 ? String(Math.round(value)) : value.toFixed(1), power }
}

const countUnits = ['', ' k', ' M', ' B', ' T']

/** `7.2 B`, `110 M`: counts of weights and downloads, as model cards write them. */
export function formatLarge(count: number): string {
  const { digits, power } = inThousands(count, countUnits.length)
  return `${digits}${countUnits[power]}`
}

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** `0.4 ms`, `12 ms`, `2.3 s`, `4 min 10 s`, `3 h 12 min`, `5 d 2 h`. */
export function formatDuration(durationMs: number): string {
  if (durationMs < 10) return `${Math.round(durationMs * 10) / 10} ms`
  if (durationMs < SECOND) return `${Math.round(durationMs)} ms`
  if (durationMs < 9950) return `${(durationMs / SECOND).toFixed(1)} s`
  if (durationMs < MINUTE) return `${Math.min(59, Math.round(durationMs / SECOND))} s`
  if (durationMs < HOUR) return twoUnits(durationMs, [MINUTE, 'min'], [SECOND, 's'])
  if (durationMs < DAY) return twoUnits(durationMs, [HOUR, 'h'], [MINUTE, 'min'])
  return twoUnits(durationMs, [DAY, 'd'], [HOUR, 'h'])
}

function twoUnits(
  durationMs: number,
  [large, largeName]: readonly [number, string],
  [small, smallName]: readonly [number, string],
): string {
  const whole = Math.floor(durationMs / large)
  const rest = Math.floor((durationMs % large) / small)
  return rest === 0 ? `${whole} ${largeName}` : `${whole} ${largeName} ${rest} ${smallName}`
}

/** `2026-11-21 13:49:05`, in the user's time zone. */
export function formatTime(timestamp: number): string {
  return `${formatDate(timestamp)} ${formatClock(timestamp)}`
}

/** `2026-11-21`. */
export function formatDate(timestamp: number): string {
  const date = new Date(timestamp)
  return [date.getFullYear(), date.getMonth() + 1, date.getDate()].map((part) => String(part).padStart(2, '0')).join('-')
}

/** `13:49:05`. */
export function formatClock(timestamp: number): string {
  const date = new Date(timestamp)
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':')
}

/** `1,204`. */
export function formatCount(count: number): string {
  return count.toLocaleString('en-US')
}

/** `1 file`, `4 files`. */
export function plural(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`
}
