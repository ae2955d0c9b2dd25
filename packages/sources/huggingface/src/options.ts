import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { SomaError } from '@soma/core'
import { type SourceDeps, addressSetting } from '@soma/spec'
import { TOKEN_BYTES_MAX } from './limits.ts'

/** The user's settings, by the names that Hugging Face's own tools have for them. */
export interface HubOptions {
  /** Without a slash at the end. */
  readonly endpoint: string
  /** Sent to the endpoint and to nobody else. */
  readonly token?: string
  /** What other tools have downloaded. */
  readonly cache?: string
  /** Only the cache may be asked. */
  readonly offline: boolean
}

const DEFAULT_ENDPOINT = 'https://huggingface.co'

/**
 * Reads the settings anew: `HF_ENDPOINT`, `HF_TOKEN`, `HUGGING_FACE_HUB_TOKEN`, `HF_TOKEN_PATH`, `HF_HOME`, `HF_HUB_CACHE`,
 * `HUGGINGFACE_HUB_CACHE`, `HF_HUB_OFFLINE`, `XDG_CACHE_HOME`.
 * @throws {SomaError} `config/invalid`.
 */
export async function loadHubOptions(env: SourceDeps['env']): Promise<HubOptions> {
  const home = hubHome(env)
  const token = await findToken(env, home)
  const cache = env['HF_HUB_CACHE'] ?? env['HUGGINGFACE_HUB_CACHE'] ?? (home && join(home, 'hub'))
  return {
    endpoint: addressSetting(env, 'HF_ENDPOINT', DEFAULT_ENDPOINT),
    offline: /^(1|on|yes|true)$/i.test(env['HF_HUB_OFFLINE'] ?? ''),
    ...(token !== undefined && { token }),
    ...(cache !== undefined && { cache }),
  }
}

function hubHome(env: SourceDeps['env']): string | undefined {
  if (env['HF_HOME']) return env['HF_HOME']
  const cache = env['XDG_CACHE_HOME'] || (env['HOME'] && join(env['HOME'], '.cache'))
  return cache ? join(cache, 'huggingface') : undefined
}

async function findToken(env: SourceDeps['env'], home: string | undefined): Promise<string | undefined> {
  const given = env['HF_TOKEN'] || env['HUGGING_FACE_HUB_TOKEN']
  const token = (given ?? (await readToken(env['HF_TOKEN_PATH'] ?? (home && join(home, 'token')))))?.trim()
  if (token === undefined || token === '') return undefined
  if (/^[\u0021-\u007e]+$/.test(token)) return token
  throw new SomaError('config/invalid', 'the Hugging Face token holds characters that no token has; check HF_TOKEN and the token file')
}

async function readToken(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined
  const stats = await stat(path).catch(() => undefined)
  if (!stats?.isFile() || stats.size > TOKEN_BYTES_MAX) return undefined
  return readFile(path, 'utf8').catch(() => undefined)
}
