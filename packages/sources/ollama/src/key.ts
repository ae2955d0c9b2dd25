import { SomaError } from '@soma/core'

/** What an artifact's key says: a blob of a repository. */
export interface BlobKey {
  /** Absent for the default registry, whichever that is when it is downloaded. */
  readonly host?: string
  readonly namespace: string
  readonly name: string
  readonly digest: string
}

export function formatKey({ host = '', namespace, name, digest }: BlobKey): string {
  return `ollama:${host}/${namespace}/${name}#${digest}`
}

/** @throws {SomaError} `source/invalid-reference` for a key that this source did not make. */
export function parseKey(key: string): BlobKey {
  const [, host = '', namespace, name, digest] = /^ollama:([^/]*)\/([^/]+)\/([^/#]+)#(sha256:[0-9a-f]{64})$/.exec(key) ?? []
  if (namespace === undefined || name === undefined || digest === undefined)
    throw new SomaError('source/invalid-reference', 'the artifact is not one of an Ollama registry')
  return { namespace, name, digest, ...(host !== '' && { host }) }
}
