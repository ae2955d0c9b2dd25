import { platform } from 'node:process'
import { SomaError } from '@soma/core'
import type { HttpConnection, SourceDeps } from '@soma/spec'
import { locateNpm } from './npm-location.ts'

/** The user's npm settings, as npm's libraries take them: registries, credentials by host, proxy, certificates. */
export type NpmOptions = Readonly<Record<string, unknown>>

/** What is taken over. All settings would be too much: some of npm's write into `process.env` when they are read. */
const wanted = new Set([
  'registry',
  'ca',
  'cafile',
  'cert',
  'key',
  'strict-ssl',
  'proxy',
  'https-proxy',
  'noproxy',
  'replace-registry-host',
  'tag',
  'before',
  'min-release-age',
])

/**
 * Reads the settings anew, as npm would for a command run in the folder of `PWD`: `npm_config_*`, project, user, global
 * and built-in `.npmrc`. Takes a few milliseconds.
 * @throws {SomaError} `config/invalid`.
 */
export async function loadNpmOptions(env: SourceDeps['env']): Promise<NpmOptions> {
  const [{ default: Config }, { default: settings }, location] = await Promise.all([
    import('@npmcli/config'),
    import('@npmcli/config/lib/definitions/index.js'),
    locateNpm(env['PATH']),
  ])
  const flatten = (values: Readonly<Record<string, unknown>>, flat: Record<string, unknown>): void => {
    for (const [key, value] of Object.entries(values)) {
      if (key.startsWith('//') || /^@.*:registry$/i.test(key)) flat[key] = value
      else if (wanted.has(key)) settings.definitions[key]?.flatten?.(key, values, flat)
    }
  }
  const cwd = env['PWD'] ?? '/'
  const shared = { ...settings, flatten, ...location, argv: ['node', 'npm'], cwd, platform, warn: false }
  try {
    // A copy: loading sets variables for the scripts that npm would run.
    const config = new Config({ ...shared, env: { ...env } })
    await config.load()
    return config.flat
  } catch (cause) {
    throw new SomaError('config/invalid', `npm’s settings cannot be read: ${(cause as Error).message}; see \`npm config list\``, { cause })
  }
}

/** How to reach a URL by these settings: the proxy, the certificates, and the credentials for just this host and path. */
export async function connectionTo(url: string, options: NpmOptions, registry: string): Promise<NpmConnection> {
  const { default: registryFetch } = await import('npm-registry-fetch')
  const auth = registryFetch.getAuth(url, { ...options, registry })
  const authorization = auth.token ? `Bearer ${auth.token}` : auth.auth ? `Basic ${auth.auth}` : undefined
  const cert = auth.cert ?? pem(options['cert'])
  const key = auth.key ?? pem(options['key'])
  const ca = pem(options['ca'])
  const proxy = text(options['httpsProxy']) ?? text(options['proxy'])
  const noProxy = text(options['noProxy'])
  return {
    headers: authorization === undefined ? {} : { authorization },
    connection: {
      ...(ca !== undefined && { ca }),
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key }),
      ...(proxy !== undefined && { proxy }),
      ...(noProxy !== undefined && { noProxy }),
      ...(options['strictSSL'] === false && { verifyPeer: false }),
    },
  }
}

/**
 * The registry for a package, by its scope, with a slash at the end.
 * @throws {SomaError} `config/invalid`.
 */
export async function registryFor(spec: object, options: NpmOptions): Promise<string> {
  const { default: registryFetch } = await import('npm-registry-fetch')
  const registry = registryFetch.pickRegistry(spec, options)
  if (URL.canParse(registry) && /^https?:/i.test(registry)) return registry.replace(/\/*$/, '/')
  throw new SomaError('config/invalid', 'npm’s registry setting is no http or https address; see `npm config get registry`')
}

export interface NpmConnection {
  readonly headers: Readonly<Record<string, string>>
  readonly connection: HttpConnection
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** One certificate, or a list of them. */
function pem(value: unknown): string | undefined {
  return Array.isArray(value) ? text(value.join('\n')) : text(value)
}
