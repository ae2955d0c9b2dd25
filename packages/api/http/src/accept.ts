/**
 * The first of `offered` that an Accept header names, by the client's own order of preference; wildcards name none,
 * because every client sends them.
 */
export function preferred<T extends { readonly contentType: string }>(accept: string | undefined, offered: readonly T[]): T | undefined {
  if (accept === undefined || accept === '*/*') return undefined
  const wanted = accept.toLowerCase().split(',').map(parseRange)
  const best = wanted.filter(({ quality }) => quality > 0).toSorted((a, b) => b.quality - a.quality)
  for (const { type } of best) {
    const found = offered.find(({ contentType }) => contentType === type)
    if (found) return found
  }
  return undefined
}

function parseRange(range: string): { readonly type: string; readonly quality: number } {
  const [type = '', ...parameters] = range.split(';').map((part) => part.trim())
  const quality = Number(parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? 1)
  return { type, quality: Number.isFinite(quality) ? quality : 0 }
}
