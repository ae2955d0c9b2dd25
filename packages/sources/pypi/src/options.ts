import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { SomaError } from '@soma/core'
import type { HttpConnection, SourceDeps } from '@soma/spec'
import { indexesDisabled, invalidIndex, unreadableCertificates } from './errors.ts'
import { CONFIG_BYTES_MAX, INDEXES_MAX } from './limits.ts'
import { parsePipConf } from './pip-conf.ts'

type Env = SourceDeps['env']

/** The user's pip settings, as far as they say where packages come from. */
export interface PypiOptions {
  /** With a slash at the end; may hold credentials. The first one that has a project is the one it is taken from. */
  readonly indexes: readonly URL[]
  readonly proxy?: string
  /** PEM certificates to trust. */
  readonly ca?: string
  /** `host` or `host:port` whose certificate is not checked. */
  readonly trustedHosts: readonly string[]
}

const DEFAULT_INDEX = 'https://pypi.org/simple/'

/**
 * Reads pip's settings anew: its files (global, user, site, `PIP_CONFIG_FILE`), then `PIP_*` variables, the last one winning.
 * @throws {SomaError} `config/invalid`; `source/unavailable` when `no-index` forbids every index.
 */
export async function loadPypiOptions(env: Env): Promise<PypiOptions> {
  const settings = { ...(await fileSettings(env)), ...environmentSettings(env) }
  if (/^(1|true|yes|on)$/i.test(settings['no-index'] ?? '')) throw indexesDisabled()
  const urls = [settings['index-url'] ?? DEFAULT_INDEX, ...words(settings['extra-index-url'])]
  const ca = settings['cert'] === undefined ? undefined : await readCertificates(settings['cert'])
  return {
    indexes: urls.slice(0, INDEXES_MAX).map(indexUrl),
    trustedHosts: words(settings['trusted-host']),
    ...(settings['proxy'] !== undefined && { proxy: settings['proxy'] }),
    ...(ca !== undefined && { ca }),
  }
}

/** How to reach a host by these settings. */
export function connectionTo(url: string | URL, { proxy, ca, trustedHosts }: PypiOptions): HttpConnection {
  const { host, hostname } = new URL(url)
  const trusted = trustedHosts.includes(host) || trustedHosts.includes(hostname)
  return { ...(ca !== undefined && { ca }), ...(proxy !== undefined && { proxy }), ...(trusted && { verifyPeer: false }) }
}

/** Credentials of the index on the same origin, as pip uses them for an index's files too. */
export function authorizationFor(url: string, { indexes }: PypiOptions): Readonly<Record<string, string>> {
  const index = indexes.find(({ origin, username, password }) => origin === new URL(url).origin && username + password !== '')
  if (index === undefined) return {}
  const credentials = `${decodeURIComponent(index.username)}:${decodeURIComponent(index.password)}`
  return { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` }
}

function indexUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol !== 'https:' && url?.protocol !== 'http:') throw invalidIndex()
  if (!url.pathname.endsWith('/')) url.pathname += '/'
  return url
}

async function fileSettings(env: Env): Promise<Record<string, string>> {
  let settings: Record<string, string> = {}
  // The null device as configuration file is pip's way to say: none at all.
  if (env['PIP_CONFIG_FILE'] === '/dev/null') return settings
  for (const path of configFiles(env)) {
    const { global, install } = parsePipConf(await readIfThere(path))
    settings = { ...settings, ...global, ...install }
  }
  return settings
}

/** Later ones win, as for pip. */
function configFiles(env: Env): string[] {
  const home = env['HOME'] ?? '/'
  const shared = (env['XDG_CONFIG_DIRS'] ?? '/etc/xdg').split(':').toReversed()
  return [
    ...shared.filter((folder) => folder !== '').map((folder) => join(folder, 'pip/pip.conf')),
    '/etc/pip.conf',
    '/Library/Application Support/pip/pip.conf',
    join(home, '.pip/pip.conf'),
    join(home, 'Library/Application Support/pip/pip.conf'),
    join(env['XDG_CONFIG_HOME'] ?? join(home, '.config'), 'pip/pip.conf'),
    ...(env['VIRTUAL_ENV'] === undefined ? [] : [join(env['VIRTUAL_ENV'], 'pip.conf')]),
    ...(env['PIP_CONFIG_FILE'] === undefined ? [] : [env['PIP_CONFIG_FILE']]),
  ]
}

function environmentSettings(env: Env): Record<string, string> {
  const set = Object.entries(env).filter((entry): entry is [string, string] => entry[0].startsWith('PIP_') && !!entry[1])
  return Object.fromEntries(set.map(([name, value]) => [name.slice('PIP_'.length).toLowerCase().replaceAll('_', '-'), value]))
}

async function readIfThere(path: string): Promise<string> {
  const stats = await stat(path).catch(() => undefined)
  if (!stats?.isFile()) return ''
  if (stats.size > CONFIG_BYTES_MAX)
    throw new SomaError('config/invalid', `${path} is larger than the ${CONFIG_BYTES_MAX} bytes a pip.conf may have`, { details: { path } })
  return readFile(path, 'utf8').catch(() => '')
}

async function readCertificates(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((cause: unknown) => {
    throw unreadableCertificates(path, cause)
  })
}

function words(setting = ''): string[] {
  return setting.split(/\s+/).filter((word) => word !== '')
}
