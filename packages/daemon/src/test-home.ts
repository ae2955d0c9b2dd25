import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { OWNER, silentLog } from '@soma/core'
import { readConfig, somaPaths } from '@soma/host'
import { createCalls } from '@soma/kernel'
import type { Calls } from '@soma/spec'
import type { Soma } from './create-soma.ts'
import type { SomaOptions } from './options.ts'

/** Options for a daemon without engines in a home of its own, which is removed after the test. */
export async function newHome(t: TestContext, { port = 0 }: { readonly port?: number } = {}): Promise<SomaOptions> {
  const home = await mkdtemp(join(tmpdir(), 'soma-daemon-'))
  t.after(() => rm(home, { recursive: true, force: true }))
  const env = { PATH: process.env['PATH'], SOMA_HOME: home }
  const paths = somaPaths(env)
  const config = readConfig(paths.configFile)
  return { paths, config: { ...config, http: { ...config.http, port } }, env, log: silentLog, engines: [] }
}

/** The system calls, as the owner. */
export function asOwner(soma: Soma): Calls {
  return createCalls(soma.kernel, { principal: OWNER, face: 'internal' })
}
