import { SomaError } from '@soma/core'
import { GLOB_ALTERNATIVES_MAX } from './limits.ts'

/**
 * A test for paths inside a package: `*` and `?` within a name, `**` across folders, `{a,b}` for alternatives; case does not count.
 * Our own, because the libraries turn globs into regular expressions that a hostile pattern can make run for minutes;
 * this one takes time proportional to pattern × path.
 * @throws {SomaError} `call/invalid-input` for unbalanced braces or too many alternatives.
 */
export function compileGlob(pattern: string): (path: string) => boolean {
  const alternatives = expandBraces(pattern).map((alternative) => alternative.toLowerCase().split('/'))
  return (path) => {
    const parts = path.toLowerCase().split('/')
    return alternatives.some((alternative) => matchSequence(alternative, parts, '**', matchName))
  }
}

/** A test for plain names: `*` and `?` only, and case does not count. */
export function compilePattern(pattern: string): (name: string) => boolean {
  const wanted = pattern.toLowerCase()
  return (name) => matchName(wanted, name.toLowerCase())
}

function matchName(pattern: string, name: string): boolean {
  return matchSequence(Array.from(pattern), Array.from(name), '*', (wanted, character) => wanted === '?' || wanted === character)
}

/** Wildcard matching over any sequence. Going back to the last wildcard only is enough: an earlier one could match nothing more. */
function matchSequence(
  pattern: readonly string[],
  items: readonly string[],
  wildcard: string,
  matches: (wanted: string, item: string) => boolean,
): boolean {
  let at = 0
  let starAt = -1
  let starItem = 0
  for (let item = 0; item < items.length;) {
    const wanted = pattern[at]
    if (wanted === wildcard) {
      starAt = at++
      starItem = item
    } else if (wanted !== undefined && matches(wanted, items[item] ?? '')) {
      at++
      item++
    } else if (starAt >= 0) {
      at = starAt + 1
      item = ++starItem
    } else return false
  }
  while (pattern[at] === wildcard) at++
  return at === pattern.length
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
