import { SomaError } from '@soma/core'
import type { HttpConnection } from '@soma/spec'
import type { Dispatcher, EnvHttpProxyAgent } from 'undici'
import { HTTP_AGENTS_MAX, HTTP_CONNECTIONS_PER_HOST_MAX } from './limits.ts'

export type Env = Readonly<Record<string, string | undefined>>

/** Waiting times in milliseconds: for a connection, for the answer's headers, and for the next bytes of its body. */
export interface HttpTimeouts {
  readonly connectMs: number
  readonly headersMs: number
  readonly idleMs: number
}

/** Connection pools, one for each set of certificates and proxies; the least recently used is closed when there are too many. */
export class HttpAgents implements AsyncDisposable {
  readonly #agents = new Map<string, Promise<Dispatcher>>()
  readonly #env: Env
  readonly #timeouts: HttpTimeouts

  constructor(env: Env, timeouts: HttpTimeouts) {
    this.#env = env
    this.#timeouts = timeouts
  }

  /** @throws {SomaError} `config/invalid` when a proxy setting is no URL. */
  get(connection: HttpConnection = {}): Promise<Dispatcher> {
    const key = JSON.stringify(connection, Object.keys(connection).sort())
    const agent = this.#agents.get(key) ?? this.#create(connection)
    this.#agents.delete(key)
    this.#agents.set(key, agent)
    this.#closeOldest()
    return agent
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const agents = [...this.#agents.values()]
    this.#agents.clear()
    await Promise.allSettled(agents.map(async (agent) => (await agent).destroy()))
  }

  async #create(connection: HttpConnection): Promise<Dispatcher> {
    const options = agentOptions(connection, this.#env, this.#timeouts)
    // Imported on first use: undici takes 70 ms, and a daemon that fetches nothing must start in 500.
    // By its default export, which is all that a bundle has of a CommonJS module.
    const { default: undici } = await import('undici')
    return new undici.EnvHttpProxyAgent(options)
  }

  #closeOldest(): void {
    for (const [key, agent] of this.#agents) {
      if (this.#agents.size <= HTTP_AGENTS_MAX) return
      this.#agents.delete(key)
      // Requests under way end first; nobody waits for that.
      agent.then((closing) => closing.close()).catch(() => {})
    }
  }
}

function agentOptions(connection: HttpConnection, env: Env, timeouts: HttpTimeouts): EnvHttpProxyAgent.Options {
  const { ca, cert, key, verifyPeer = true } = connection
  const tls = { ...(ca !== undefined && { ca }), rejectUnauthorized: verifyPeer }
  const requestTls = { ...tls, ...(cert !== undefined && { cert }), ...(key !== undefined && { key }) }
  return {
    // HTTP/2 would put all downloads from a host on one connection, and one that ends early could not close its socket.
    allowH2: false,
    connections: HTTP_CONNECTIONS_PER_HOST_MAX,
    headersTimeout: timeouts.headersMs,
    bodyTimeout: timeouts.idleMs,
    connectTimeout: timeouts.connectMs,
    connect: { timeout: timeouts.connectMs, ...requestTls },
    requestTls,
    proxyTls: tls,
    ...proxies(connection, env),
  }
}

/** All three are always set: what is absent here undici would take from the environment of this process. */
function proxies(connection: HttpConnection, env: Env): { httpProxy: string; httpsProxy: string; noProxy: string } {
  const all = env['all_proxy'] ?? env['ALL_PROXY'] ?? ''
  const http = connection.proxy ?? env['http_proxy'] ?? env['HTTP_PROXY'] ?? all
  const https = connection.proxy ?? env['https_proxy'] ?? env['HTTPS_PROXY'] ?? all
  const noProxy = connection.noProxy ?? env['no_proxy'] ?? env['NO_PROXY'] ?? ''
  return { httpProxy: proxyUrl(http), httpsProxy: proxyUrl(https), noProxy }
}

/** `proxy.example:3128` means `http://proxy.example:3128`, as for curl. */
function proxyUrl(setting: string): string {
  if (setting === '') return ''
  const url = /^[a-z][a-z0-9+.-]*:\/\//i.test(setting) ? setting : `http://${setting}`
  if (URL.canParse(url)) return url
  throw new SomaError('config/invalid', 'the proxy setting is not a URL; expected http://host:port', { details: { setting: 'proxy' } })
}
