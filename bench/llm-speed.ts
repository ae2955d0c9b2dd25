/** What generating measured: milliseconds until the first token, and tokens a second from then on. */
export interface Speed {
  readonly firstMs: number
  readonly rate: number
}

/**
 * Of streams that began together, and when the tokens of each came. The rate is that of all together while all of them
 * decode: from the last one's first token to the first one's last.
 */
export function speedOf(began: number, streams: ReadonlyArray<readonly number[]>): Speed {
  const firsts = streams.map((times) => times[0] ?? Number.NaN)
  const [from, to] = [Math.max(...firsts), Math.min(...streams.map((times) => times.at(-1) ?? Number.NaN))]
  const tokens = streams.flat().filter((time) => time > from && time <= to).length
  return { firstMs: Math.min(...firsts) - began, rate: (tokens * 1000) / (to - from) }
}
