/**
 * Whether a path fits a glob: `*` and `?` within a name, `**` across folders; case does not count. Takes time proportional to
 * pattern × path, where a regular expression made of a hostile glob could run for minutes.
 */
export function matchPath(pattern: string, path: string, spend?: Spend): boolean {
  const matches = (wanted: string, item: string): boolean => matchName(wanted, item, spend)
  return matchSequence(pattern.toLowerCase().split('/'), path.toLowerCase().split('/'), { wildcard: '**', matches, spend })
}

/** Whether a name fits a pattern with `*` and `?`; case does not count. */
export function matchName(pattern: string, name: string, spend?: Spend): boolean {
  const matches = (wanted: string, character: string): boolean => wanted === '?' || wanted === character
  return matchSequence(Array.from(pattern.toLowerCase()), Array.from(name.toLowerCase()), { wildcard: '*', matches, spend })
}

/** Hears how many steps a match took; may throw when it is too many. */
export type Spend = (steps: number) => void

interface Matching {
  readonly wildcard: string
  readonly matches: (wanted: string, item: string) => boolean
  readonly spend: Spend | undefined
}

/** Wildcard matching over any sequence. Going back to the last wildcard only is enough: an earlier one could match nothing more. */
function matchSequence(pattern: readonly string[], items: readonly string[], { wildcard, matches, spend }: Matching): boolean {
  let at = 0
  let steps = items.length + pattern.length
  let starAt = -1
  let starItem = 0
  for (let item = 0; item < items.length; steps++) {
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
    } else {
      spend?.(steps)
      return false
    }
  }
  spend?.(steps)
  while (pattern[at] === wildcard) at++
  return at === pattern.length
}
