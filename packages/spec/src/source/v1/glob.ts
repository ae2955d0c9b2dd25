/**
 * Whether a path fits a glob: `*` and `?` within a name, `**` across folders; case does not count. Takes time proportional to
 * pattern × path, where a regular expression made of a hostile glob could run for minutes.
 */
export function matchPath(pattern: string, path: string): boolean {
  return matchSequence(pattern.toLowerCase().split('/'), path.toLowerCase().split('/'), '**', matchName)
}

/** Whether a name fits a pattern with `*` and `?`; case does not count. */
export function matchName(pattern: string, name: string): boolean {
  const same = (wanted: string, character: string): boolean => wanted === '?' || wanted === character
  return matchSequence(Array.from(pattern.toLowerCase()), Array.from(name.toLowerCase()), '*', same)
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
