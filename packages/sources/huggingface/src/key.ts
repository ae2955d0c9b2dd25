import { SomaError } from '@soma/core'

/** What an artifact's key says: enough to download it in another process, and from a mirror as well. */
export interface HubKey {
  readonly repository: string
  readonly commit: string
  readonly path: string
  /** Of LFS files. */
  readonly sha256?: string
  /** Of files that git itself holds: the name of the blob. */
  readonly oid?: string
}

export function formatKey({ repository, commit, path, sha256, oid }: HubKey): string {
  const hash = sha256 === undefined ? `oid=${oid ?? ''}` : `sha256=${sha256}`
  return `hf:${repository}@${commit}/${escapePath(path)}#${hash}`
}

/** @throws {SomaError} `source/invalid-reference` for a key that this source did not make. */
export function parseKey(key: string): HubKey {
  const [, repository = '', commit = '', path = '', name, digest = ''] =
    /^hf:([^@]+)@([0-9a-f]{40})\/([^#]+)#(sha256|oid)=([0-9a-f]*)$/.exec(key) ?? []
  if (repository === '') throw new SomaError('source/invalid-reference', 'the artifact is not one of a Hugging Face hub')
  const hash = name === 'sha256' ? { sha256: digest } : digest === '' ? {} : { oid: digest }
  return { repository, commit, path: decodeURIComponent(path), ...hash }
}

/** As a part of a URL: the slashes stay. */
export function escapePath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/')
}
