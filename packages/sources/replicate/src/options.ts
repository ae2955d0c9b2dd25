import { SomaError } from '@soma/core'
import type { SourceDeps } from '@soma/spec'

export interface ReplicateOptions {
  /** With a slash at the end. */
  readonly api: URL
  readonly token?: string
}

/**
 * `REPLICATE_API_TOKEN`; `REPLICATE_API_BASE_URL` is Replicate's own name for another server.
 * @throws {SomaError} `config/invalid`.
 */
export function loadReplicateOptions(env: SourceDeps['env']): ReplicateOptions {
  const text = env['REPLICATE_API_BASE_URL'] || 'https://api.replicate.com'
  const api = URL.canParse(text) ? new URL(text) : undefined
  if (api?.protocol !== 'https:' && api?.protocol !== 'http:')
    throw new SomaError('config/invalid', 'REPLICATE_API_BASE_URL is no http or https address', {
      details: { setting: 'REPLICATE_API_BASE_URL' },
    })
  if (!api.pathname.endsWith('/')) api.pathname += '/'
  const token = env['REPLICATE_API_TOKEN']?.trim()
  return { api, ...(token && { token }) }
}
