import { type Stats } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type Log, parseJson } from '@soma/core'
import { type SourceDeps, addressSetting } from '@soma/spec'
import { z } from 'zod'
import { badCredentials } from './errors.ts'
import { CREDENTIALS_BYTES_MAX } from './limits.ts'

type Env = SourceDeps['env']

export interface KaggleOptions {
  /** With a slash at the end. */
  readonly endpoint: URL
  readonly tfhub: URL
  /** The Authorization header; absent without credentials, with which public models can be had. */
  readonly authorization?: string
}

const KaggleJson = z.looseObject({ username: z.string().min(1), key: z.string().min(1) })

/**
 * Read anew each time: `KAGGLE_API_TOKEN`, then `KAGGLE_USERNAME` and `KAGGLE_KEY`, then `access_token` and `kaggle.json` in
 * `KAGGLE_CONFIG_DIR` or `~/.kaggle`. `KAGGLE_API_ENDPOINT` is Kaggle's own name for another server.
 * @throws {SomaError} `config/invalid`.
 */
export async function loadKaggleOptions({ env, log }: { readonly env: Env; readonly log: Log }): Promise<KaggleOptions> {
  const authorization = fromEnvironment(env) ?? (await fromFiles(env, log))
  return {
    endpoint: new URL(`${addressSetting(env, 'KAGGLE_API_ENDPOINT', 'https://www.kaggle.com')}/`),
    tfhub: new URL(`${addressSetting(env, 'SOMA_TFHUB_ENDPOINT', 'https://tfhub.dev')}/`),
    ...(authorization !== undefined && { authorization }),
  }
}

function fromEnvironment(env: Env): string | undefined {
  const { KAGGLE_API_TOKEN: token, KAGGLE_USERNAME: username, KAGGLE_KEY: key } = env
  if (token) return `Bearer ${token.trim()}`
  return username && key ? basic(username.trim(), key.trim()) : undefined
}

async function fromFiles(env: Env, log: Log): Promise<string | undefined> {
  const folder = env['KAGGLE_CONFIG_DIR'] || join(env['HOME'] ?? '/', '.kaggle')
  const token = await readPrivate(join(folder, 'access_token'), log)
  if (token?.trim()) return `Bearer ${token.trim()}`
  const path = join(folder, 'kaggle.json')
  const text = await readPrivate(path, log)
  if (text === undefined) return undefined
  try {
    const { username, key } = KaggleJson.parse(parseJson(text, path))
    return basic(username, key)
  } catch {
    // Without its cause, which may quote the key.
    throw badCredentials(path)
  }
}

async function readPrivate(path: string, log: Log): Promise<string | undefined> {
  const stats: Stats | undefined = await stat(path).catch(() => undefined)
  if (!stats?.isFile()) return undefined
  if (stats.size > CREDENTIALS_BYTES_MAX) throw badCredentials(path)
  if ((stats.mode & 0o077) !== 0) log.warn('other users of this machine can read this file, which holds a key; chmod 600 it', { path })
  return readFile(path, 'utf8').catch(() => undefined)
}

function basic(username: string, key: string): string {
  return `Basic ${Buffer.from(`${username}:${key}`).toString('base64')}`
}
