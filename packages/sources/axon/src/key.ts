import { SomaError } from '@soma/core'
import { publicUrl } from '@soma/spec'

/** Names the archive's bytes: its address and its hash. */
export function formatKey(url: string, sha256: string | undefined): string {
  return `${publicUrl(url)}#${sha256 === undefined ? '' : `sha256=${sha256}`}`
}

/** @throws {SomaError} `source/invalid-reference` for a key that this source did not make. */
export function parseKey(key: string): string {
  const at = key.lastIndexOf('#')
  const url = key.slice(0, at)
  if (at < 0 || !URL.canParse(url)) throw new SomaError('source/invalid-reference', 'the artifact is not one of an Axon registry')
  return url
}
