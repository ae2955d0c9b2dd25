const pattern = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/i

/** Files of one model, at most: as many as five digits count. */
export interface GgufSplit {
  /** The name without the numbers. */
  readonly prefix: string
  /** From 1. */
  readonly index: number
  readonly count: number
}

/** What the name of a file of a split model says, `model-00001-of-00003.gguf`; null for any other name. */
export function parseGgufSplit(path: string): GgufSplit | null {
  const [, prefix, index, count] = pattern.exec(path) ?? []
  if (prefix === undefined) return null
  const split = { prefix, index: Number(index), count: Number(count) }
  return split.index >= 1 && split.index <= split.count ? split : null
}

/** The paths of all files of the model that `path` is a part of, in order; only itself when it is whole. */
export function ggufSplitPaths(path: string): string[] {
  const split = parseGgufSplit(path)
  if (!split) return [path]
  const digits = (number: number): string => String(number).padStart(5, '0')
  const extension = path.slice(-'.gguf'.length)
  return Array.from({ length: split.count }, (_, index) => `${split.prefix}-${digits(index + 1)}-of-${digits(split.count)}${extension}`)
}
