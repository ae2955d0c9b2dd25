import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { OWNER, silentLog } from '@soma/core'
import { builtInEngines, createSoma } from '@soma/daemon'
import { readConfig, somaPaths } from '@soma/host'
import { createCalls } from '@soma/kernel'
import type { Config } from '@soma/spec'
import OpenAI from 'openai'

export interface DaemonWithModel {
  readonly client: OpenAI
  readonly address: string
  readonly token: string
}

export interface DaemonOptions {
  /** The name that the model is installed under. */
  readonly model: string
  readonly files: Readonly<Record<string, string | Uint8Array>>
  readonly engines?: Partial<Config['engines']>
  readonly env?: Readonly<Record<string, string>>
}

/** A real daemon with one model installed, and the official client with a token that may use it. It ends with the test. */
export async function startDaemon(t: TestContext, options: DaemonOptions): Promise<DaemonWithModel> {
  const home = await mkdtemp(join(tmpdir(), 'soma-openai-'))
  t.after(() => rm(home, { recursive: true, force: true }))
  const env = { PATH: process.env['PATH'], SOMA_HOME: home, ...options.env }
  const paths = somaPaths(env)
  const { http, engines, ...config } = readConfig(paths.configFile)
  const soma = await createSoma({
    paths,
    config: { ...config, http: { ...http, port: 0 }, engines: { ...engines, ...options.engines } },
    env,
    log: silentLog,
    engines: builtInEngines(),
  })
  t.after(() => soma.stop({ drainMs: 0 }))
  const folder = join(home, 'package')
  await mkdir(folder)
  for (const [name, content] of Object.entries(options.files)) await writeFile(join(folder, name), content)
  const calls = createCalls(soma.kernel, { principal: OWNER, face: 'internal' })
  await Array.fromAsync(calls.stream('model.install', { reference: `file/${folder}`, name: options.model }))
  const { token } = await calls.call('capability.issue', {
    grants: [{ resource: 'model/*', rights: ['list', 'read', 'invoke'] }],
    label: 'openai',
  })
  const address = soma.faces.find(({ kind }) => kind === 'http')?.address ?? ''
  return { client: new OpenAI({ apiKey: token, baseURL: `${address}/openai/v1`, maxRetries: 0 }), address, token }
}
