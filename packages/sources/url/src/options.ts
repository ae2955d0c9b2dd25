import { publicUrl } from '@soma/spec'
import { invalidReference } from './errors.ts'
import { URL_LENGTH_MAX } from './limits.ts'

/** What stands after `url/`, and what an artifact's key says. */
export interface UrlReference {
  /** Without fragment; may hold credentials. */
  readonly url: string
  /** The same as it may be shown and stored. */
  readonly shown: string
  /** Lower-case hex that the bytes must hash to. */
  readonly sha256?: string
  /** The version that must still be there. */
  readonly version?: string
}

/** @throws {SomaError} `source/invalid-reference`. */
export function parseUrlReference(text: string): UrlReference {
  if (text.length > URL_LENGTH_MAX) throw invalidReference(`the address is longer than ${URL_LENGTH_MAX} characters`)
  if (!URL.canParse(text)) throw invalidReference('the address is not a URL')
  const url = new URL(text)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw invalidReference(`${url.protocol} addresses cannot be fetched`)
  const fragment = url.hash
  url.hash = ''
  return { url: url.href, shown: publicUrl(url), ...parsePin(fragment) }
}

/** The reference again, pinned and without credentials. */
export function formatUrlReference({ shown, sha256, version }: Omit<UrlReference, 'url'>): string {
  if (sha256 !== undefined) return `${shown}#sha256=${sha256}`
  return version === undefined ? shown : `${shown}#version=${encodeURIComponent(version)}`
}

/** A fragment that pins nothing is the page anchor of a copied link, and means nothing here. */
function parsePin(fragment: string): Pick<UrlReference, 'sha256' | 'version'> {
  const pins = new URLSearchParams(fragment.slice(1))
  const sha256 = pins.get('sha256')?.toLowerCase()
  const version = pins.get('version')
  if (sha256 !== undefined && !/^[0-9a-f]{64}$/.test(sha256)) throw invalidReference('the sha256 after # is not 64 hex digits')
  return { ...(sha256 !== undefined && { sha256 }), ...(version !== null && { version }) }
}
