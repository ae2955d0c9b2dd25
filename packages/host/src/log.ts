import { closeSync, copyFileSync, fstatSync, ftruncateSync, openSync, writeSync } from 'node:fs'
import { type Clock, type Log, type LogLevel, type LogRecord, createLog } from '@soma/core'
import { LOG_FILE_BYTES_MAX } from './limits.ts'

export interface HostLogOptions {
  readonly level: LogLevel
  /** `auto` writes readable lines to a terminal and JSON lines elsewhere. */
  readonly format?: 'auto' | 'json' | 'text'
  readonly clock: Pick<Clock, 'now'>
  /** Where lines go: standard error when absent. */
  readonly output?: LogOutput
  /** Colours on a terminal, unless the user set NO_COLOR. */
  readonly color?: boolean
}

/** Somewhere to write lines: a stream, or a file of limited size. */
export interface LogOutput {
  readonly isTTY?: boolean | undefined
  write(line: string): unknown
}

/** The process's log. */
export function createHostLog(options: HostLogOptions): Log {
  const output = options.output ?? process.stderr
  const terminal = output.isTTY === true
  const text = options.format === 'text' || (options.format !== 'json' && terminal)
  const color = options.color ?? (terminal && (process.env['NO_COLOR'] ?? '') === '')
  return createLog({
    level: options.level,
    clock: options.clock,
    write: (record) => void output.write(text ? formatText(record, color) : formatJson(record)),
  })
}

/** One JSON object and a line feed. The fields come after, so that they cannot replace time, level or message. */
export function formatJson(record: LogRecord): string {
  const { time, level, message, fields } = record
  return `${JSON.stringify({ ...fields, time, level, message })}\n`
}

const colors: Readonly<Record<LogRecord['level'], number>> = { debug: 90, info: 36, warn: 33, error: 31 }

/** `12:34:56.789 info  message key=value`. An error's stack follows on its own lines. */
export function formatText(record: LogRecord, color: boolean): string {
  const paint = (code: number, text: string): string => (color ? `\u001B[${code}m${text}\u001B[0m` : text)
  const stacks: string[] = []
  const fields = Object.entries(record.fields).map(([key, value]) => ` ${paint(90, `${key}=`)}${formatField(value, stacks)}`)
  const head = `${paint(90, record.time.slice(11, 23))} ${paint(colors[record.level], record.level.padEnd(5))} ${oneLine(record.message)}`
  return `${head}${fields.join('')}\n${stacks.map((stack) => `${paint(90, indent(stack))}\n`).join('')}`
}

function formatField(value: unknown, stacks: string[]): string {
  if (typeof value === 'string') return /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value)
  if (typeof value !== 'object' || value === null) return String(value)
  if ('stack' in value && 'message' in value) {
    stacks.push(String(value.stack))
    return JSON.stringify(value.message)
  }
  return JSON.stringify(value)
}

function oneLine(message: string): string {
  return message.replaceAll('\n', ' ')
}

function indent(stack: string): string {
  return stack.replaceAll(/^/gm, '    ')
}

/**
 * A log file of at most `LOG_FILE_BYTES_MAX`; what was in it moves to `<path>.1`. It is copied and cut rather than
 * renamed, so that a standard error that was redirected into the same file keeps going there.
 */
export function openLogFile(path: string, bytesMax: number = LOG_FILE_BYTES_MAX): LogOutput & Disposable {
  const file = openSync(path, 'a', 0o600)
  let sizeBytes = fstatSync(file).size
  return {
    write: (line) => {
      if (sizeBytes > bytesMax) {
        copyFileSync(path, `${path}.1`)
        ftruncateSync(file)
        sizeBytes = 0
      }
      sizeBytes += writeSync(file, line)
    },
    [Symbol.dispose]: () => closeSync(file),
  }
}
