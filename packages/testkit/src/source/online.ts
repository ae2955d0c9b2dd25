import type { TestContext } from 'node:test'

/** Long enough for a slow registry, short enough for a suite. */
const PROBE_MS_MAX = 5000

/**
 * For tests against a real registry: true when it answers; otherwise the test is marked as skipped, with the reason.
 * @example if (!(await isOnline(t, 'https://registry.npmjs.org/'))) return
 */
export async function isOnline(t: TestContext, url: string): Promise<boolean> {
  try {
    const reply = await fetch(url, { method: 'HEAD', signal: AbortSignal.timeout(PROBE_MS_MAX) })
    await reply.body?.cancel()
    return true
  } catch (thrown) {
    t.skip(`${new URL(url).host} does not answer (${(thrown as Error).message}); this machine is offline`)
    return false
  }
}
