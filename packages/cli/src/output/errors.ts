import { type SomaError, errorCodes } from '@soma/core'
import type { Paint } from './color.ts'
import type { Terminal } from '../terminal.ts'
import { wrapNote } from './text.ts'

/**
 * What a person reads when a command fails: what went wrong, its code, what to do next.
 *
 * ```text
 * error: no model has the name "orc"; the nearest is ocr
 *  code: model/not-found
 *  next: `soma model list` shows them.
 * ```
 */
export function formatError(
  error: SomaError,
  { stderrPaint: paint, stderrWidth: width }: Pick<Terminal, 'stderrPaint' | 'stderrWidth'>,
): string {
  const next = nextStep(error)
  return [
    ...hanging(paint.red('error:'), error.message, width),
    `${paint.dim(' code:')} ${error.code}`,
    ...(next === undefined ? [] : hanging(paint.dim(' next:'), next, width)),
  ].join('\n')
}

/** The width of `error: `. */
const INDENT = 7

/** A label, and text that stays to its right where it takes several lines. */
function hanging(label: string, text: string, width: number): string[] {
  return wrapNote(text, width - INDENT).map((line, index) => (index === 0 ? `${label} ${line}` : ' '.repeat(INDENT) + line))
}

/**
 * The code table's sentences after the one that says what happened, unless the message says what to do already. What the
 * details hold is for programs: for people it is in the message.
 */
function nextStep({ code, message, retryable }: SomaError): string | undefined {
  // Some of a code that passes do not: `Try again later` would be wrong then.
  if (errorCodes[code].retryable && !retryable) return undefined
  const [, ...sentences] = errorCodes[code].summary.split(/(?<=\.)\s+/)
  const next = sentences.filter((sentence) => !sentence.startsWith('The details ')).join(' ') || undefined
  const command = /`([^`]+)`/.exec(next ?? '')?.[1]
  return /\bsoma (audit|capability|config|engine|key|model|serve|source|stop|token)\b/.test(message) ||
    (command !== undefined && message.includes(command))
    ? undefined
    : next
}

/** A mistake in the command line itself: exit code 64, as sysexits.h has it. */
export function formatUsageError(message: string, help: string, paint: Paint): string {
  return `${paint.red('error:')} ${message}\n${paint.dim(' next:')} ${help}`
}

export const EXIT_USAGE = 64
