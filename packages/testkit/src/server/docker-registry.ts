import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import type { TestContext } from 'node:test'

export interface DockerRegistry {
  /** `127.0.0.1:<port>`. */
  readonly host: string
  /** Lines of its access log: `"PUT /v2/a/manifests/1 HTTP/1.1" 201 0 …`. */
  readonly requests: readonly string[]
}

export interface DockerRegistryOptions {
  /** Wants Basic authorization: user `soma`, password `open sesame`. */
  readonly withPassword?: boolean
}

/** bcrypt of `open sesame`, at the least cost that there is. */
const HTPASSWD = 'soma:$2b$05$abcdefghijklmnopqrstuupx2xBUC4954936wVIjyyPHmUBFu0wCW\n'
/** A Go program that reads one small file takes 30 ms; on a machine that is busy with other tests it waits its turn. */
const START_MS_MAX = 60_000

/**
 * A real registry on loopback: Debian's `docker-registry`, in a folder of its own. It ends with the test.
 * Undefined, with the test marked as skipped, where the program is missing.
 */
export async function startDockerRegistry(t: TestContext, options: DockerRegistryOptions = {}): Promise<DockerRegistry | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'soma-docker-registry-'))
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true })
  await writeFile(join(folder, 'htpasswd'), HTPASSWD)
  await writeFile(join(folder, 'config.yml'), configOf(folder, options))
  const child = spawn('docker-registry', ['serve', join(folder, 'config.yml')], { stdio: ['ignore', 'pipe', 'pipe'] })
  try {
    await once(child, 'spawn')
  } catch {
    await remove()
    t.skip('needs the program docker-registry (Debian: apt-get install docker-registry)')
    return undefined
  }
  t.after(async () => {
    await end(child)
    await remove()
  })
  const requests: string[] = []
  const host = await listening(child, requests)
  return { host, requests }
}

function configOf(folder: string, { withPassword = false }: DockerRegistryOptions): string {
  const auth = { htpasswd: { realm: 'testkit', path: join(folder, 'htpasswd') } }
  return JSON.stringify({
    version: 0.1,
    log: { level: 'info', accesslog: { disabled: false } },
    storage: { filesystem: { rootdirectory: join(folder, 'data') } },
    http: { addr: '127.0.0.1:0', secret: 'testkit' },
    ...(withPassword && { auth }),
  })
}

/** Its log says which port it took. */
async function listening(child: ChildProcessByStdio<null, Readable, Readable>, requests: string[]): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const timeout = AbortSignal.timeout(START_MS_MAX)
  timeout.addEventListener('abort', () => reject(new Error('docker-registry did not start in time')))
  child.once('exit', (code) => reject(new Error(`docker-registry ended with ${code}`)))
  createInterface(child.stderr).on('line', (line) => {
    const host = /listening on (127\.0\.0\.1:\d+)/.exec(line)?.[1]
    if (host !== undefined) resolve(host)
  })
  createInterface(child.stdout).on('line', (line) => requests.push(line))
  return promise
}

async function end(child: ChildProcessByStdio<null, Readable, Readable>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}
