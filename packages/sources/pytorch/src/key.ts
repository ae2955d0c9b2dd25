import { SomaError } from '@soma/core'

/** What an artifact's key says: where the weights are, and which. */
export interface WeightsKey {
  readonly url: string
  readonly sha256Prefix?: string
  /** The server's word for these bytes, where the file's name has no hash. */
  readonly validator?: string
}

export function formatKey({ url, sha256Prefix, validator }: WeightsKey): string {
  return `${url}#${sha256Prefix === undefined ? `version=${encodeURIComponent(validator ?? '')}` : `sha256=${sha256Prefix}`}`
}

/** @throws {SomaError} `source/invalid-reference` for a key that this source did not make. */
export function parseKey(key: string): WeightsKey {
  const [url = '', pins] = key.split('#', 2)
  if (pins === undefined || !URL.canParse(url)) throw new SomaError('source/invalid-reference', 'the artifact is not one of PyTorch Hub')
  const named = new URLSearchParams(pins)
  const sha256Prefix = named.get('sha256')
  const validator = named.get('version') ?? ''
  return { url, ...(sha256Prefix !== null && { sha256Prefix }), ...(validator !== '' && { validator }) }
}
