import { SomaError } from '@soma/core'
import { distance } from 'fastest-levenshtein'
import { NEAREST_NAMES_MAX } from './limits.ts'

/** The names that `wanted` may be a slip of, best first: a few letters off, or part of one another. */
export function nearestNames(wanted: string, names: Iterable<string>): string[] {
  const scored: Array<{ name: string; score: number }> = []
  for (const name of names) {
    const score = name.includes(wanted) || wanted.includes(name) ? 1 : distance(wanted, name)
    if (score <= Math.max(2, Math.floor(wanted.length / 3))) scored.push({ name, score })
  }
  scored.sort((a, b) => a.score - b.score || (a.name < b.name ? -1 : 1))
  return scored.slice(0, NEAREST_NAMES_MAX).map(({ name }) => name)
}

/** That no model has this name, and which of `names` may be meant. */
export function modelNotFound(name: string, names: Iterable<string>): SomaError {
  const nearest = nearestNames(name, names)
  const hint = nearest.length > 0 ? `did you mean ${nearest.join(', ')}?` : 'soma model list shows those that are'
  return new SomaError('model/not-found', `no model ${JSON.stringify(name)} is installed; ${hint}`, { details: { name, nearest } })
}
