import { type SourceDeps, addressSetting } from '@soma/spec'

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
  const api = new URL(`${addressSetting(env, 'REPLICATE_API_BASE_URL', 'https://api.replicate.com')}/`)
  const token = env['REPLICATE_API_TOKEN']?.trim()
  return { api, ...(token && { token }) }
}
