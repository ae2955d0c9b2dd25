import { SomaError } from '@soma/core'
import type { Integrity } from '@soma/spec'

/** Names the file's bytes: its address and its hash. */
export function formatKey(url: string, integrity: Integrity | undefined): string {
  return integrity === undefined ? `${url}#` : `${url}#${integrity.algorithm}=${integrity.digest}`
}

/** @throws {SomaError} `source/invalid-reference` for a key that this source did not make. */
export function parseKey(key: string): { readonly url: string } {
  const at = key.lastIndexOf('#')
  const url = key.slice(0, at)
  if (at < 0 || !URL.canParse(url)) throw new SomaError('source/invalid-reference', 'the artifact is not one of a Python package index')
  return { url }
}
