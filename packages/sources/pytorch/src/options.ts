import { type SourceDeps, addressSetting } from '@soma/spec'

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
    git: addressSetting(env, 'SOMA_PYTORCH_HUB', 'https://github.com'),
    raw: addressSetting(env, 'SOMA_PYTORCH_RAW', 'https://raw.githubusercontent.com'),
  }
}
