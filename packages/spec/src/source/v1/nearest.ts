import { distance } from 'fastest-levenshtein'

/** Names suggested in an error. */
const NEAREST_SHOWN_MAX = 5
/** Names compared: a repository of 100,000 files must not make an error slow. */
const NEAREST_COMPARED_MAX = 10_000
/** Characters of a name that is compared: nobody types more, and a hub may send megabytes. */
const NEAREST_LENGTH_MAX = 1024

/** The names that `wanted` may be a slip of, best first: a few letters off, or one part of the other; case does not count. */
export function nearestOf(wanted: string, names: Iterable<string>): string[] {
  const lower = wanted.toLowerCase()
  const slips = Math.max(2, Math.floor(wanted.length / 3))
  const scored = [...names]
    .slice(0, NEAREST_COMPARED_MAX)
    .filter(({ length }) => length <= NEAREST_LENGTH_MAX)
    .map((name) => ({ name, score: scoreOf(lower, name.toLowerCase()) }))
  const near = scored.filter(({ score }) => score <= slips)
  return near
    .sort((a, b) => a.score - b.score || (a.name < b.name ? -1 : 1))
    .slice(0, NEAREST_SHOWN_MAX)
    .map(({ name }) => name)
}

function scoreOf(wanted: string, name: string): number {
  return name.includes(wanted) || wanted.includes(name) ? 1 : distance(wanted, name)
}
