import { abortError } from '@soma/core'
import type { Times } from '../apis/api.ts'
import { loadFailed } from '../errors.ts'
import { HEALTH_EVERY_MS, HEALTH_MS_MAX } from '../limits.ts'
import type { ProcessRecipe } from '../options.ts'

/** A program that this process has started, and that ends with it however that ends. */
export interface LocalServer {
  /** Resolves when it has ended, with its last words. */
  readonly ended: Promise<string>
  end(): Promise<void>
}

export interface RecipeDeps extends Times {
  readonly fetch: typeof fetch
  readonly start: (command: string, args: readonly string[], env: Readonly<Record<string, string>>) => LocalServer
  readonly freePort: () => Promise<number>
}

export interface StartedServer {
  readonly url: string
  readonly server: LocalServer
}

const PORT = '{port}'

/**
 * Starts a local server and waits until it says that it is ready.
 * @throws {SomaError} `model/load-failed` when it ends before, or does not become ready in time; it is ended then.
 */
export async function startServer(deps: RecipeDeps, recipe: ProcessRecipe, url: string, signal: AbortSignal): Promise<StartedServer> {
  const port = String([url, ...recipe.args].some((text) => text.includes(PORT)) ? await deps.freePort() : '')
  const withPort = (text: string): string => text.replaceAll(PORT, port)
  const server = deps.start(recipe.command, recipe.args.map(withPort), recipe.env)
  try {
    await untilReady(deps, server, { recipe, health: new URL(recipe.health, withPort(url)), signal })
    return { url: withPort(url), server }
  } catch (error) {
    await server.end()
    throw error
  }
}

interface Readiness {
  readonly recipe: ProcessRecipe
  readonly health: URL
  readonly signal: AbortSignal
}

async function untilReady(deps: RecipeDeps, server: LocalServer, { recipe, health, signal }: Readiness): Promise<void> {
  const over = new AbortController()
  void server.ended.then((lastWords) => over.abort(loadFailed(`${recipe.command} ended before it was ready: ${lastWords}`)))
  const late = deps.deadline(recipe.readyMs)
  const waits = AbortSignal.any([signal, over.signal, late])
  while (!(await isReady(deps, health, waits))) await deps.sleep(HEALTH_EVERY_MS, { signal: waits }).catch(() => undefined)
  if (late.aborted) throw loadFailed(`${recipe.command} was not ready within ${recipe.readyMs} ms (no 200 at ${health.href})`)
  if (waits.aborted) throw abortError(waits)
}

/** Also when there is nothing more to wait for. */
async function isReady({ fetch, deadline }: RecipeDeps, health: URL, waits: AbortSignal): Promise<boolean> {
  if (waits.aborted) return true
  try {
    const answer = await fetch(health, { redirect: 'manual', signal: AbortSignal.any([waits, deadline(HEALTH_MS_MAX)]) })
    await answer.body?.cancel()
    return answer.ok
  } catch {
    return waits.aborted
  }
}
