import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type HttpFetch, type SourceDeps, authorizedFetch } from '@soma/spec'
import { z } from 'zod'
import { badSetting, noRegistry, unauthorized } from './errors.ts'
import { CONFIG_BYTES_MAX } from './limits.ts'
import { readYaml } from './yaml.ts'

type Env = SourceDeps['env']

export interface AxonOptions {
  /** With a slash at the end. */
  readonly registry: URL
  readonly token?: string
}

const Config = z.looseObject({ registry: z.looseObject({ url: z.string().optional(), token: z.string().optional() }).nullish() }).nullable()

/**
 * Which registry, and the token for it: `SOMA_AXON_REGISTRY` or `AXON_REGISTRY` with `AXON_TOKEN`, else `registry.url` and
 * `registry.token` of Axon's own `~/.axon/config.yaml`. Read anew each time.
 * @throws {SomaError} `source/not-configured` when there is none; `config/invalid`.
 */
export async function loadAxonOptions(env: Env): Promise<AxonOptions> {
  const fromEnv = env['SOMA_AXON_REGISTRY'] || env['AXON_REGISTRY']
  const config = fromEnv ? undefined : await readConfig(join(env['HOME'] ?? '/', '.axon/config.yaml'))
  const registry = fromEnv ?? config?.url
  if (!registry) throw noRegistry()
  // The file's token belongs to the file's registry and goes to no other.
  const token = env['AXON_TOKEN'] || config?.token
  return { registry: registryUrl(registry), ...(token && { token }) }
}

/** HTTP with the token for the registry's own origin alone, whose refusals say how to set one: packages may lie elsewhere. */
export function registryFetch(fetch: HttpFetch, { registry, token }: AxonOptions): HttpFetch {
  const authorization = token === undefined ? undefined : `Bearer ${token}`
  return authorizedFetch(fetch, {
    address: registry,
    authorization,
    refused: (cause) => unauthorized(registry.host, token !== undefined, cause),
  })
}

function registryUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol !== 'https:' && url?.protocol !== 'http:') throw badSetting('the Axon registry’s address is no http or https URL')
  if (!url.pathname.endsWith('/')) url.pathname += '/'
  return url
}

async function readConfig(path: string): Promise<{ readonly url?: string | undefined; readonly token?: string | undefined } | undefined> {
  const stats = await stat(path).catch(() => undefined)
  if (!stats?.isFile()) return undefined
  try {
    if (stats.size > CONFIG_BYTES_MAX) throw new RangeError(`larger than ${CONFIG_BYTES_MAX} bytes`)
    return Config.parse(readYaml(await readFile(path)))?.registry ?? undefined
  } catch {
    // Without its cause, which may quote the token.
    throw badSetting(`${path} cannot be read as Axon’s configuration`)
  }
}
