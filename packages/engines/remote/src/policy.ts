import { SomaError } from '@soma/core'
import { parseInput } from '@soma/spec'
import { z } from 'zod'

/** The environment variable in which the daemon hands the policy over, as JSON. */
export const REMOTE_POLICY_VARIABLE = 'SOMA_REMOTE_POLICY'

/** What the user allows. It never comes from a package: whoever writes one must neither choose where keys go nor what runs here. */
export const RemotePolicySchema = z.strictObject({
  /** `local`: this machine only. */
  mode: z.enum(['off', 'local', 'any']).default('off'),
  /** Names of programs that recipes may start. */
  commands: z.array(z.string()).default([]),
  /** Which key each origin gets. */
  keys: z
    .record(
      z.string(),
      z.strictObject({ from: z.string(), key: z.string().optional().describe('Absent when it was not where it should be') }),
    )
    .default({}),
})
export type RemotePolicy = z.output<typeof RemotePolicySchema>

/** @param text the variable's; nothing is allowed without. */
export function readPolicy(text: string | undefined): RemotePolicy {
  return parseInput(RemotePolicySchema, text === undefined ? {} : (JSON.parse(text) as unknown), REMOTE_POLICY_VARIABLE)
}

/** @throws {SomaError} `model/unsupported` naming the setting that would allow it. */
export function checkUrl({ mode }: RemotePolicy, url: URL): void {
  if (url.username !== '' || url.password !== '')
    throw refusal(`the address ${url.origin} must not hold a password; set engines.remoteKeys instead`, 'engines.remoteKeys')
  if (mode === 'any' || (mode === 'local' && isLoopback(url))) return
  const wanted = isLoopback(url) ? 'local' : 'any'
  throw refusal(
    `what this model is sent would go to ${url.origin}, which is not allowed; \`soma config set engines.remote ${wanted}\` allows it`,
    'engines.remote',
  )
}

/** @throws {SomaError} `model/unsupported` naming the setting that would allow it. */
export function checkCommand({ mode, commands }: RemotePolicy, command: string): void {
  if (mode === 'off')
    throw refusal('starting other programs is not allowed; `soma config set engines.remote local` allows it', 'engines.remote')
  if (commands.includes(command)) return
  const example = JSON.stringify([...commands, command])
  throw refusal(
    `this model’s recipe starts the program "${command}", which is not allowed; \`soma config set engines.remoteCommands '${example}'\` allows it`,
    'engines.remoteCommands',
  )
}

/** Variables that choose which code a program runs: what `PATH` finds, loaders bring in, or interpreters run first. */
const CODE_VARIABLE =
  /^(PATH|IFS|ENV|HOME|(LD|DYLD|BASH|PYTHON|NODE|PERL\d?|RUBY|JAVA|JDK|CLASSPATH|LUA|GCONV|GIT|SSL|OPENSSL).*|.*_PRELOAD|CUDA_INJECTION.*)$/i

/** The user allowed a program, not whatever a package can make of it. @throws {SomaError} `model/unsupported` naming the variable. */
export function checkEnvironment(env: Readonly<Record<string, string>>): void {
  const name = Object.keys(env).find((one) => CODE_VARIABLE.test(one))
  if (name === undefined) return
  throw new SomaError(
    'model/unsupported',
    `this model’s recipe sets ${name}, which can make an allowed program run other code; take it out`,
    {
      details: { variable: name },
    },
  )
}

/** @returns the key for a URL, if it has one. @throws {SomaError} `engine/missing` when it is not where it should be. */
export function keyFor({ keys }: RemotePolicy, { origin }: URL): string | undefined {
  const entry = keys[origin]
  if (!entry || entry.key !== undefined) return entry?.key
  throw new SomaError(
    'engine/missing',
    `the key for ${origin} should be in ${entry.from}, which the daemon could not read when it started`,
    {
      details: { origin, from: entry.from },
    },
  )
}

export function isLoopback({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname)
}

function refusal(message: string, setting: string): SomaError {
  return new SomaError('model/unsupported', message, { details: { setting } })
}
