import type { Resolution, SourceDeps } from '@soma/spec'
import { KaggleApi } from './api.ts'
import { invalidTfhub, notOnKaggle } from './errors.ts'
import { REFERENCE_LENGTH_MAX } from './limits.ts'
import { parsePage } from './reference.ts'
import { resolveReference } from './resolve.ts'

/**
 * Old TensorFlow Hub names. tfhub.dev redirects each to its model at Kaggle, whose version has another number; there is no list of
 * them, so that the redirect is followed. What is pinned is Kaggle's version.
 */
export async function resolveTfhub(text: string, deps: SourceDeps, signal: AbortSignal): Promise<Resolution> {
  const path = parseTfhubPath(text)
  const api = await KaggleApi.open(deps)
  const { href } = new URL(path, api.options.tfhub)
  using reply = await deps.fetch(href, { signal })
  const reference = parsePage(reply.url)
  if (reference === undefined) throw notOnKaggle(path, new URL(reply.url).origin + new URL(reply.url).pathname)
  return resolveReference(reference, api, signal)
}

/** `google/universal-sentence-encoder/4`, with or without `https://tfhub.dev/` before it. @throws {SomaError} `source/invalid-reference`. */
export function parseTfhubPath(text: string): string {
  if (text.length > REFERENCE_LENGTH_MAX) throw invalidTfhub(`the reference is longer than ${REFERENCE_LENGTH_MAX} characters`)
  const path = text
    .replace(/^https?:\/\/(www\.)?tfhub\.dev\//, '')
    .replace(/[?#].*$/, '')
    .replace(/@(\d+)$/, '/$1')
    .replace(/\/$/, '')
  const parts = path.split('/')
  if (parts.length < 2 || parts.length > 8 || !parts.every((part) => /^[a-z0-9][a-z0-9._-]*$/i.test(part)))
    throw invalidTfhub(`${JSON.stringify(text)} is no model of TensorFlow Hub`)
  return path
}
