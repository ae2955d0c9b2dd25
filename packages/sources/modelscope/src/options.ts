import { SomaError } from '@soma/core'
import type { SourceDeps } from '@soma/spec'

/** The user's settings, by the names that ModelScope's own tools have for them. */
export interface ModelScopeOptions {
  /** Without a slash at the end. */
  readonly endpoint: string
  /** Sent to the endpoint and to nobody else. */
  readonly token?: string
}

const DEFAULT_DOMAIN = 'www.modelscope.cn'

/**
 * Reads `MODELSCOPE_DOMAIN` (a host, `www.modelscope.ai`; or an address with its scheme) and `MODELSCOPE_API_TOKEN`.
 * @throws {SomaError} `config/invalid`.
 */
export function loadModelScopeOptions(env: SourceDeps['env']): ModelScopeOptions {
  const token = env['MODELSCOPE_API_TOKEN']?.trim() ?? ''
  if (!/^[\u0021-\u007e]*$/.test(token)) throw new SomaError('config/invalid', 'MODELSCOPE_API_TOKEN holds characters that no token has')
  return { endpoint: endpointOf(env['MODELSCOPE_DOMAIN'] || DEFAULT_DOMAIN), ...(token !== '' && { token }) }
}

function endpointOf(setting: string): string {
  const text = /^https?:\/\//i.test(setting) ? setting : `https://${setting}`
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url && url.username + url.password + url.search + url.hash === '') return url.href.replace(/\/+$/, '')
  throw new SomaError('config/invalid', `MODELSCOPE_DOMAIN is no host; expected e.g. ${DEFAULT_DOMAIN}`)
}
