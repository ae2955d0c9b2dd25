import { type SomaError, errorCodes } from '@soma/core'
import type { Paint } from './color.ts'

/**
 * What a person reads when a command fails: what went wrong, its code, what to do next.
 *
 * ```text
 * error: no model has the name "orc"; the nearest is ocr
 *  code: model/not-found
 *  next: `soma model list` shows them.
 * ```
 */
export function formatError(error: SomaError, paint: Paint): string {
  const next = nextStep(error)
  return [
    `${paint.red('error:')} ${error.message}`,
    `${paint.dim(' code:')} ${error.code}`,
    ...(next === undefined ? [] : [`${paint.dim(' next:')} ${next}`]),
  ].join('\n')
}

/**
 * The code table's sentences after the one that says what happened, unless the message says it already. What the details hold
 * is for programs: for people it is in the message.
 */
function nextStep({ code, message, retryable }: SomaError): string | undefined {
  // Some of a code that passes do not: `Try again later` would be wrong then.
  if (errorCodes[code].retryable && !retryable) return undefined
  const [, ...sentences] = errorCodes[code].summary.split(/(?<=\.)\s+/)
  const next = sentences.filter((sentence) => !sentence.startsWith('The details ')).join(' ') || undefined
  const command = /`([^`]+)`/.exec(next ?? '')?.[1]
  return command !== undefined && message.includes(command) ? undefined : next
}

/** A mistake in the command line itself: exit code 64, as sysexits.h has it. */
export function formatUsageError(message: string, help: string, paint: Paint): string {
  return `${paint.red('error:')} ${message}\n${paint.dim(' next:')} ${help}`
}

export const EXIT_USAGE = 64
