import { SomaError } from '@soma/core'
import type { SourceDeps } from '@soma/spec'

/** Where repositories are, without a slash at the end. */
export interface HubHosts {
  /** Answers git: GitHub, or a mirror of it. */
  readonly git: string
  /** Has single files as `owner/repo/commit/path`. */
  readonly raw: string
}

/**
 * Reads `SOMA_PYTORCH_HUB` and `SOMA_PYTORCH_RAW`, for mirrors of GitHub.
 * @throws {SomaError} `config/invalid`.
 */
export function loadHubHosts(env: SourceDeps['env']): HubHosts {
  return {
    git: address('SOMA_PYTORCH_HUB', env, 'https://github.com'),
    raw: address('SOMA_PYTORCH_RAW', env, 'https://raw.githubusercontent.com'),
  }
}

function address(name: string, env: SourceDeps['env'], fallback: string): string {
  const setting = env[name] || fallback
  const url = URL.canParse(setting) ? new URL(setting) : undefined
  if (url && /^https?:$/.test(url.protocol) && url.username + url.password + url.search + url.hash === '')
    return url.href.replace(/\/+$/, '')
  throw new SomaError('config/invalid', `${name} is no web address; expected e.g. ${fallback}`)
}
