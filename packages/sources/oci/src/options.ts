import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { parseJson } from '@soma/core'
import type { SourceDeps } from '@soma/spec'
import { z } from 'zod'
import { badAuthFile } from './errors.ts'
import { AUTH_FILE_BYTES_MAX } from './limits.ts'
import { isDockerHub } from './reference.ts'

type Env = SourceDeps['env']

/** What a user has stored for a registry. */
export type Credentials =
  | { readonly kind: 'password'; readonly basic: string }
  /** An OAuth2 refresh token, which its token service exchanges. */
  | { readonly kind: 'refresh'; readonly token: string }
  /** Sent as it is. */
  | { readonly kind: 'bearer'; readonly token: string }
  /** Kept by a program that is not run from here. */
  | { readonly kind: 'helper'; readonly helper: string }

const AuthFile = z.looseObject({
  auths: z
    .record(
      z.string(),
      z.looseObject({
        auth: z.string().optional(),
        username: z.string().optional(),
        password: z.string().optional(),
        identitytoken: z.string().optional(),
        registrytoken: z.string().optional(),
      }),
    )
    .nullish(),
  credHelpers: z.record(z.string(), z.string()).nullish(),
  credsStore: z.string().nullish(),
})
type AuthFile = z.output<typeof AuthFile>
type AuthEntry = NonNullable<AuthFile['auths']>[string]

/** `https://host`, or `http://host` for this machine and the hosts that `SOMA_OCI_INSECURE` names (comma-separated). */
export function registryOrigin(host: string, env: Env): string {
  if (isDockerHub(host)) return 'https://registry-1.docker.io'
  const { hostname } = new URL(`http://${host}`)
  const insecure = (env['SOMA_OCI_INSECURE'] ?? '').split(',').map((entry) => entry.trim())
  const open = isLoopback(hostname) || insecure.includes(host) || insecure.includes(hostname)
  return new URL(`${open ? 'http' : 'https'}://${host}`).origin
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname)
}

/**
 * Reads anew what `podman login` and `docker login` stored. The first file that has something for the repository wins, in it the
 * longest name that fits: `host/owner` before `host`.
 * @throws {SomaError} `config/invalid` for a file that cannot be read as one.
 */
export async function loadCredentials(host: string, repository: string, env: Env): Promise<Credentials | undefined> {
  for (const path of authFiles(env)) {
    const file = await readAuthFile(path)
    const found = file && findCredentials(file, namesOf(host, repository))
    if (found) return found
  }
  return undefined
}

function authFiles(env: Env): string[] {
  const home = env['HOME'] ?? '/'
  const config = env['XDG_CONFIG_HOME'] ?? join(home, '.config')
  const docker = env['DOCKER_CONFIG'] ?? join(home, '.docker')
  return [
    ...(env['REGISTRY_AUTH_FILE'] ? [env['REGISTRY_AUTH_FILE']] : []),
    ...(env['XDG_RUNTIME_DIR'] ? [join(env['XDG_RUNTIME_DIR'], 'containers/auth.json')] : []),
    join(config, 'containers/auth.json'),
    join(docker, 'config.json'),
  ]
}

async function readAuthFile(path: string): Promise<AuthFile | undefined> {
  const stats = await stat(path).catch(() => undefined)
  if (!stats?.isFile()) return undefined
  try {
    if (stats.size > AUTH_FILE_BYTES_MAX) throw new RangeError(`larger than ${AUTH_FILE_BYTES_MAX} bytes`)
    return AuthFile.parse(parseJson(await readFile(path), path))
  } catch (cause) {
    // The cause may quote the file, and the file holds passwords.
    throw badAuthFile(path, new Error(cause instanceof RangeError ? cause.message : 'not the expected JSON'))
  }
}

/** Under which names credentials may be stored, most special first. */
function namesOf(host: string, repository: string): string[] {
  const parts = repository.split('/')
  const paths = parts.map((_, at) => [host, ...parts.slice(0, parts.length - at)].join('/'))
  const hub = isDockerHub(host) ? ['https://index.docker.io/v1/', 'index.docker.io', 'docker.io'] : []
  return [...paths, host, `https://${host}`, `http://${host}`, `https://${host}/v1/`, `https://${host}/v2/`, ...hub]
}

function findCredentials({ auths, credHelpers, credsStore }: AuthFile, names: readonly string[]): Credentials | undefined {
  for (const name of names) {
    const helper = credHelpers?.[name]
    if (helper !== undefined) return { kind: 'helper', helper }
    const entry = auths?.[name]
    if (entry === undefined) continue
    const stored = credentialsOf(entry)
    if (stored) return stored
    // Docker leaves an empty entry for a host whose password its store holds.
    if (credsStore) return { kind: 'helper', helper: credsStore }
  }
  return undefined
}

function credentialsOf({ auth, username, password, identitytoken, registrytoken }: AuthEntry): Credentials | undefined {
  if (registrytoken) return { kind: 'bearer', token: registrytoken }
  if (identitytoken) return { kind: 'refresh', token: identitytoken }
  if (auth) return { kind: 'password', basic: auth }
  if (!username || !password) return undefined
  return { kind: 'password', basic: Buffer.from(`${username}:${password}`).toString('base64') }
}
