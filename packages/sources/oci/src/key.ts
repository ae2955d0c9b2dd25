import { SomaError } from '@soma/core'
import { type OciReference, formatPinned, parseOciReference } from './reference.ts'

/** Names a blob: `host/repository@sha256:…`. What follows a `#` only tells equal files of one package apart. */
export function formatKey(reference: OciReference, digest: string): string {
  return formatPinned(reference, digest)
}

/** @throws {SomaError} `source/invalid-reference` for a key that this source did not make. */
export function parseKey(key: string): OciReference & { readonly digest: string } {
  const [name = ''] = key.split('#', 1)
  const { digest, ...reference } = parseOciReference(name)
  if (digest === undefined) throw new SomaError('source/invalid-reference', 'the artifact is not one of a container registry')
  return { ...reference, digest }
}
