import { SomaError } from '@soma/core'
import { type Spend, matchName, matchPath } from '@soma/spec'
import { GLOB_ALTERNATIVES_MAX, GLOB_STEPS_MAX } from './limits.ts'

/**
 * A test for paths inside a package: `*` and `?` within a name, `**` across folders, `{a,b}` for alternatives; case does not count.
 * Our own, because the libraries turn globs into regular expressions that a hostile pattern can make run for minutes;
 * this one takes time proportional to pattern × path.
 * @throws {SomaError} `call/invalid-input` for unbalanced braces or too many alternatives.
 */
export function compileGlob(pattern: string, spend?: Spend): (path: string) => boolean {
  const alternatives = expandBraces(pattern)
  return (path) => alternatives.some((alternative) => matchPath(alternative, path, spend))
}

/**
 * A test for paths that some glob of a caller fits. Many long globs and many long paths would keep everybody waiting for minutes.
 * @throws {SomaError} `call/invalid-input` as `compileGlob`, and from the test when it has taken too many steps over all paths.
 */
export function compileGlobs(patterns: readonly string[]): (path: string) => boolean {
  let left = GLOB_STEPS_MAX
  const spend = (steps: number): void => {
    left -= steps
    if (left < 0)
      throw new SomaError(
        'call/invalid-input',
        `the ${patterns.length} globs take too long to match; use fewer, or ones with fewer wildcards`,
        {
          details: { globs: patterns.length },
        },
      )
  }
  const globs = patterns.map((pattern) => compileGlob(pattern, spend))
  return (path) => globs.some((matches) => matches(path))
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
