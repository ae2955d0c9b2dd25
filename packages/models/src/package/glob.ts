import { SomaError } from '@soma/core'
import { matchName, matchPath } from '@soma/spec'
import { GLOB_ALTERNATIVES_MAX } from './limits.ts'

/**
 * A test for paths inside a package: `*` and `?` within a name, `**` across folders, `{a,b}` for alternatives; case does not count.
 * Our own, because the libraries turn globs into regular expressions that a hostile pattern can make run for minutes;
 * this one takes time proportional to pattern × path.
 * @throws {SomaError} `call/invalid-input` for unbalanced braces or too many alternatives.
 */
export function compileGlob(pattern: string): (path: string) => boolean {
  const alternatives = expandBraces(pattern)
  return (path) => alternatives.some((alternative) => matchPath(alternative, path))
}

/** A test for plain names: `*` and `?` only, and case does not count. */
export function compilePattern(pattern: string): (name: string) => boolean {
  return (name) => matchName(pattern, name)
}

function expandBraces(pattern: string): string[] {
  const open = pattern.indexOf('{')
  if (open < 0) return [pattern]
  const close = pattern.indexOf('}', open)
  const body = pattern.slice(open + 1, close)
  if (close < 0 || body.includes('{')) throw invalidGlob(pattern, 'its braces are nested or not closed')
  const rest = expandBraces(pattern.slice(close + 1))
  const choices = body.split(',')
  if (choices.length * rest.length > GLOB_ALTERNATIVES_MAX)
    throw invalidGlob(pattern, `it has more than ${GLOB_ALTERNATIVES_MAX} alternatives`)
  return choices.flatMap((choice) => rest.map((tail) => pattern.slice(0, open) + choice + tail))
}

function invalidGlob(pattern: string, reason: string): SomaError {
  return new SomaError('call/invalid-input', `the glob ${JSON.stringify(pattern.slice(0, 200))} cannot be read: ${reason}`)
}
