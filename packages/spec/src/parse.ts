import { SomaError, isSomaError } from '@soma/core'
import type { z } from 'zod'

/** Enough to mend the input by; a schema can fail in thousands of places at once. */
const ISSUES_MAX = 10

/**
 * Passes what came from outside through its schema, once, at the edge.
 * @param what names the value in the message: `the input of infer`.
 * @throws {SomaError} `call/invalid-input` with `details.issues` `[{ field, problem }]`, or the more exact error that the
 * schema itself found, such as a tensor's `model/input-mismatch`.
 */
export function parseInput<Schema extends z.ZodType>(schema: Schema, value: unknown, what: string): z.output<Schema> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  throw inputError(parsed.error.issues, what)
}

/** The same for issues that a `safeParse` of one's own found. */
export function inputError(issues: readonly z.core.$ZodIssue[], what: string): SomaError {
  for (const issue of issues) if (issue.code === 'custom' && isSomaError(issue.params?.['error'])) return issue.params['error']
  const found = issues.slice(0, ISSUES_MAX).map(({ path, message }) => ({ field: path.map(String).join('.'), problem: message }))
  const first = found[0]
  const where = first && first.field !== '' ? `${first.field}: ` : ''
  return new SomaError('call/invalid-input', `${what} does not fit: ${where}${first?.problem ?? 'unknown'}`, { details: { issues: found } })
}
