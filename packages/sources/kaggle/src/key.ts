import { SomaError } from '@soma/core'
import { type KaggleReference, parseKaggleReference, pathOf } from './reference.ts'

/** Names a file of a version, or without a path the archive of all of them; versions of Kaggle's models never change. */
export function formatKey(reference: KaggleReference, version: number, path?: string): string {
  return `kaggle:${pathOf(reference)}/${version}/download${path === undefined ? '' : `/${path}`}`
}

/** @throws {SomaError} `source/invalid-reference` for a key that this source did not make. */
export function parseKey(key: string): { readonly reference: KaggleReference; readonly version: number; readonly path?: string } {
  const [, name = '', path] = /^kaggle:((?:[^/]+\/){4}\d+)\/download(?:\/(.+))?$/.exec(key) ?? []
  if (name === '') throw new SomaError('source/invalid-reference', 'the artifact is not one of Kaggle')
  const { version = 0, ...reference } = parseKaggleReference(name)
  return { reference, version, ...(path !== undefined && { path }) }
}
