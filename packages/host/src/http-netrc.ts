import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Env } from './http-agents.ts'
import { NETRC_BYTES_MAX } from './limits.ts'

/**
 * The Authorization header that the user's netrc file (`NETRC`, else `~/.netrc`) has for a host: the place where curl and pip
 * keep credentials too. The `default` entry is not used: it would send a password to every host that a redirect names.
 */
export async function netrcAuthorization(hostname: string, env: Env): Promise<string | undefined> {
  const text = await readNetrc(env)
  const found = text === undefined ? undefined : findMachine(text, hostname)
  return found && `Basic ${Buffer.from(`${found.login}:${found.password}`).toString('base64')}`
}

/** An unreadable or oversized file is as good as none, as for curl: the server will ask for what is missing. */
async function readNetrc(env: Env): Promise<string | undefined> {
  const path = env['NETRC'] ?? (env['HOME'] === undefined ? undefined : join(env['HOME'], '.netrc'))
  if (path === undefined) return undefined
  try {
    const stats = await stat(path)
    return stats.isFile() && stats.size <= NETRC_BYTES_MAX ? await readFile(path, 'utf8') : undefined
  } catch {
    return undefined
  }
}

interface Login {
  readonly login: string
  readonly password: string
}

/** The first entry of a machine counts. A macro definition ends at an empty line. */
export function findMachine(text: string, hostname: string): Login | undefined {
  const tokens = text.replaceAll(/^[ \t]*macdef[^]*?(\n\s*\n|$(?![^]))/gm, '').match(/#.*$|"(?:[^"\\]|\\.)*"|\S+/gm) ?? []
  let machine: string | undefined
  let found: Partial<Login> | undefined
  for (let at = 0; at < tokens.length; at++) {
    const token = tokens[at]
    if (token === 'default') machine = undefined
    if (token === 'machine' && found) break
    if (token === 'machine') machine = unquoted(tokens[++at])
    if (machine !== hostname) continue
    if (token === 'login') found = { ...found, login: unquoted(tokens[++at]) }
    if (token === 'password') found = { ...found, password: unquoted(tokens[++at]) }
  }
  return found?.password === undefined ? undefined : { login: found.login ?? '', password: found.password }
}

function unquoted(token = ''): string {
  return token.startsWith('"') ? token.slice(1, -1).replaceAll(/\\(.)/g, '$1') : token
}
