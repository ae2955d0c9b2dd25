import { readFileSync } from 'node:fs'
import { isAbsolute } from 'node:path'
import type { Log } from '@soma/core'
import { REMOTE_POLICY_VARIABLE, type RemotePolicy, descriptor } from '@soma/engine-remote'
import type { Config } from '@soma/spec'
import type { InstalledEngine } from './engines.ts'

export interface PolicyDeps {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly log: Log
}

/** The engines, the remote one told what the user allows it. Keys are read here, once: engines see nothing of our environment. */
export function withRemotePolicy(engines: readonly InstalledEngine[], settings: Config['engines'], deps: PolicyDeps): InstalledEngine[] {
  return engines.map((engine) => {
    if (engine.descriptor.id !== descriptor.id) return engine
    return { ...engine, env: { ...engine.env, [REMOTE_POLICY_VARIABLE]: JSON.stringify(remotePolicy(settings, deps)) } }
  })
}

export function remotePolicy({ remote, remoteKeys, remoteCommands }: Config['engines'], deps: PolicyDeps): RemotePolicy {
  const keys = remote === 'off' ? [] : remoteKeys.map((text) => keyOf(text, deps))
  return { mode: remote, commands: remoteCommands, keys: Object.fromEntries(keys) }
}

/** `https://api.openai.com=OPENAI_API_KEY`, or a file whose first line is the key. */
function keyOf(text: string, { env, log }: PolicyDeps): [string, { from: string; key?: string }] {
  const [address = '', from = ''] = text.split(/=(.*)/s, 2)
  const key = isAbsolute(from) ? firstLine(from, log) : env[from]
  return [new URL(address).origin, { from, ...(key !== undefined && key !== '' && { key }) }]
}

/** A key that cannot be read keeps the daemon from nothing else. */
function firstLine(path: string, log: Log): string | undefined {
  try {
    return readFileSync(path, 'utf8').split('\n', 1)[0]?.trim()
  } catch (error) {
    log.warn('the key of a remote server cannot be read', { path, error })
    return undefined
  }
}
