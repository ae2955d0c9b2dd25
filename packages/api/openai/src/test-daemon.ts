import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { OWNER, silentLog } from '@soma/core'
import { builtInEngines, createSoma } from '@soma/daemon'
import { readConfig, somaPaths } from '@soma/host'
import { createCalls } from '@soma/kernel'
import OpenAI from 'openai'

export interface DaemonWithModel {
  readonly client: OpenAI
  readonly address: string
  readonly token: string
}

/** A real daemon with one model installed from these files, and the official client with a token that may use it. It ends with the test. */
export async function startDaemon(
  t: TestContext,
  model: string,
  files: Readonly<Record<string, string | Uint8Array>>,
): Promise<DaemonWithModel> {
  const home = await mkdtemp(join(tmpdir(), 'soma-openai-'))
  t.after(() => rm(home, { recursive: true, force: true }))
  const env = { PATH: process.env['PATH'], SOMA_HOME: home }
  const paths = somaPaths(env)
  const config = readConfig(paths.configFile)
  const soma = await createSoma({
    paths,
    config: { ...config, http: { ...config.http, port: 0 } },
    env,
    log: silentLog,
    engines: builtInEngines(),
  })
  t.after(() => soma.stop({ drainMs: 0 }))
  const folder = join(home, 'package')
  await mkdir(folder)
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content)
  const calls = createCalls(soma.kernel, { principal: OWNER, face: 'internal' })
  await Array.fromAsync(calls.stream('model.install', { reference: `file/${folder}`, name: model }))
  const { token } = await calls.call('capability.issue', {
    grants: [{ resource: 'model/*', rights: ['list', 'invoke'] }],
    label: 'openai',
  })
  const address = soma.faces.find(({ kind }) => kind === 'http')?.address ?? ''
  return { client: new OpenAI({ apiKey: token, baseURL: `${address}/openai/v1`, maxRetries: 0 }), address, token }
}
