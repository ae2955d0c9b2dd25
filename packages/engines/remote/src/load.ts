import type { EngineContext, LoadedModel } from '@soma/spec'
import { loadFailed } from './errors.ts'
import { Connection } from './http/connection.ts'
import type { EndpointFile } from './options.ts'
import { type RemotePolicy, checkCommand, checkEnvironment, checkUrl, isLoopback, keyFor } from './policy.ts'
import { type LocalServer, type RecipeDeps, startServer } from './process/recipe.ts'
import { runnable } from './run.ts'

export interface RemoteDeps extends RecipeDeps {
  readonly policy: RemotePolicy
  /** Resident bytes of this process. */
  readonly residentBytes: () => number
}

/** Connects to an endpoint; a local server of its own is started first, and ends with the model. */
export async function load(deps: RemoteDeps, endpoint: EndpointFile, { signal, log }: EngineContext): Promise<LoadedModel> {
  const server = await serverOf(deps, endpoint, signal)
  try {
    const url = new URL(server?.url ?? endpoint.url)
    checkUrl(deps.policy, url)
    if (!isLoopback(url)) log.warn('what this model is sent leaves this machine', { origin: url.origin })
    const key = keyFor(deps.policy, url)
    const connection = new Connection(deps.fetch, url.href, { headers: headersOf(endpoint, key), key })
    const { concurrency, contextLength } = endpoint
    const model = await runnable(endpoint, { connection, model: endpoint.model, times: deps }, signal)
    return {
      ...model,
      concurrency,
      ...(contextLength !== undefined && { contextLength }),
      usage: () => ({ residentBytes: deps.residentBytes() }),
      async [Symbol.asyncDispose]() {
        await server?.server.end()
      },
    }
  } catch (error) {
    await server?.server.end()
    throw error
  }
}

/** A recipe’s server is for this machine alone: whatever it is told, it is spoken to here. */
async function serverOf(
  deps: RemoteDeps,
  { process: recipe, url }: EndpointFile,
  signal: AbortSignal,
): Promise<{ readonly url: string; readonly server: LocalServer } | undefined> {
  if (!recipe) return undefined
  checkCommand(deps.policy, recipe.command)
  checkEnvironment(recipe.env)
  if (!isLoopback(new URL(url.replaceAll('{port}', '1'))))
    throw loadFailed('the URL of a server that is started here must be one of this machine')
  return await startServer(deps, recipe, url, signal)
}

function headersOf({ api }: EndpointFile, key: string | undefined): Record<string, string> {
  if (api !== 'anthropic') return key === undefined ? {} : { authorization: `Bearer ${key}` }
  return { 'anthropic-version': '2023-06-01', ...(key !== undefined && { 'x-api-key': key }) }
}
