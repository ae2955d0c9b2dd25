import type { Clock } from './clock.ts'

export const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]
export type LogFields = Readonly<Record<string, unknown>>

/** One structured line: what happened, and its fields. */
export interface LogRecord {
  readonly time: string
  readonly level: Exclude<LogLevel, 'silent'>
  readonly message: string
  readonly fields: LogFields
}

export interface Log {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
  /** A log whose lines all carry `fields`. */
  with(fields: LogFields): Log
}

export interface LogOptions {
  readonly level: LogLevel
  readonly clock: Pick<Clock, 'now'>
  readonly write: (record: LogRecord) => void
  readonly fields?: LogFields
}

/** A log that drops lines below `level` and hides secrets in the others before `write` sees them. */
export function createLog(options: LogOptions): Log {
  const threshold = logLevels.indexOf(options.level)
  const line =
    (level: LogRecord['level']) =>
    (message: string, fields: LogFields = {}) => {
      if (logLevels.indexOf(level) < threshold) return
      const time = new Date(options.clock.now()).toISOString()
      options.write({ time, level, message: redactText(message), fields: redact({ ...options.fields, ...fields }) as LogFields })
    }
  return {
    debug: line('debug'),
    info: line('info'),
    warn: line('warn'),
    error: line('error'),
    with: (fields) => createLog({ ...options, fields: { ...options.fields, ...fields } }),
  }
}

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {}, with: () => silentLog }

const secretKey = /token|secret|password|passphrase|authorization|api[-_]?key|cookie|credential/i
/** Bearer tokens, our own tokens, and of a URL the password and the parameters that are one. */
const secretText =
  /(bearer\s+)[^\s"']+|(soma_[0-9a-z]{16}_)[\w-]+|(:\/\/[^/\s:@]*:)[^@\s/]+(?=@)|([?&](?:[\w-]*(?:token|secret|password|credential|signature)|api[-_]?key|key|sig)=)[^&\s"'#]+/gi
const REDACTED = '[redacted]'
/** Deeper values are printed as `[…]`: a log line is for reading, and cyclic values must end. */
const REDACT_DEPTH_MAX = 8

/** A copy of `value` without secrets: by key name, and by the shape of known tokens inside strings. */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return redactText(value)
  if (typeof value === 'bigint') return value.toString()
  if (typeof value !== 'object' || value === null) return value
  if (depth >= REDACT_DEPTH_MAX) return '[…]'
  if (value instanceof Uint8Array) return `<${value.byteLength} bytes>`
  if (value instanceof Error) return redactError(value, depth)
  if (Array.isArray(value)) return value.map((item) => redact(item, depth + 1))
  return redactEntries(Object.entries(value), depth)
}

function redactError(error: Error, depth: number): unknown {
  const code = (error as { code?: unknown }).code
  return redactEntries(
    Object.entries({
      name: error.name,
      message: error.message,
      ...(code !== undefined && { code }),
      ...(error.cause !== undefined && { cause: error.cause }),
      stack: error.stack,
    }),
    depth,
  )
}

function redactEntries(entries: Array<[string, unknown]>, depth: number): Record<string, unknown> {
  return Object.fromEntries(
    entries.map(([key, item]) => [key, secretKey.test(key) && item !== undefined && item !== null ? REDACTED : redact(item, depth + 1)]),
  )
}

function redactText(text: string): string {
  return text.replace(secretText, (_match, ...found: unknown[]) => {
    // Each alternative has one group, which stays.
    const [kept = ''] = found.filter((group) => typeof group === 'string')
    return `${kept}${REDACTED}`
  })
}
