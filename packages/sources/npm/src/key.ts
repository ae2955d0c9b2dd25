import { SomaError } from '@soma/core'
import type { Integrity } from '@soma/spec'

/** What an artifact's key says: enough to download it in another process. */
export interface NpmKey {
  readonly url: string
  /** Package name: its scope decides about registry and credentials. */
  readonly name: string
  readonly integrity?: Integrity
}

export function formatKey({ url, name, integrity }: NpmKey): string {
  const hash = integrity === undefined ? '' : `&${integrity.algorithm}=${integrity.digest}`
  return `${url}#package=${encodeURIComponent(name)}${hash}`
}

/** @throws {SomaError} `source/invalid-reference` for a key that this source did not make. */
export function parseKey(key: string): Omit<NpmKey, 'integrity'> {
  const at = key.indexOf('#package=')
  const url = key.slice(0, at)
  if (at < 0 || !URL.canParse(url)) throw new SomaError('source/invalid-reference', 'the artifact is not one of an npm registry')
  return { url, name: new URLSearchParams(key.slice(at + 1)).get('package') ?? '' }
}
