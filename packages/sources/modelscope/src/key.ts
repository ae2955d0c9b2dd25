import { SomaError } from '@soma/core'

/** What an artifact's key says: enough to download it in another process, and from a mirror as well. */
export interface ModelScopeKey {
  readonly repository: string
  readonly commit: string
  readonly path: string
  readonly sha256?: string
}

export function formatKey({ repository, commit, path, sha256 }: ModelScopeKey): string {
  return `modelscope:${repository}@${commit}/${path.split('/').map(encodeURIComponent).join('/')}#${sha256 === undefined ? '' : `sha256=${sha256}`}`
}

/** @throws {SomaError} `source/invalid-reference` for a key that this source did not make. */
export function parseKey(key: string): ModelScopeKey {
  const [, repository, commit = '', path = '', sha256] =
    /^modelscope:([^@]+)@([0-9a-f]{8,40})\/([^#]+)#(?:sha256=([0-9a-f]{64}))?$/.exec(key) ?? []
  if (repository === undefined) throw new SomaError('source/invalid-reference', 'the artifact is not one of ModelScope')
  return { repository, commit, path: decodeURIComponent(path), ...(sha256 !== undefined && { sha256 }) }
}
