import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { somaPaths } from '@soma/host'
import type { Soma } from '@soma/sdk'
import { TestDaemon } from '../test/e2e/daemon.ts'

/** A daemon with settings of its own, and a client of it. */
export interface BenchDaemon extends AsyncDisposable {
  readonly daemon: TestDaemon
  readonly soma: Soma
  /** Installs a file of this machine. */
  install(path: string, name: string): Promise<void>
}

/** @param settings the lines of a `config.toml`. */
export async function startDaemon(settings: readonly string[]): Promise<BenchDaemon> {
  const home = await mkdtemp(join(tmpdir(), 'soma-bench-home-'))
  const { configFile } = somaPaths({ SOMA_HOME: home })
  await mkdir(dirname(configFile), { recursive: true })
  await writeFile(configFile, `${settings.join('\n')}\n`)
  const daemon = await TestDaemon.start(home)
  const soma = await daemon.connect()
  return {
    daemon,
    soma,
    install: async (path, name) => {
      for await (const _ of soma.stream('model.install', { reference: `file/${path}`, name }));
    },
    [Symbol.asyncDispose]: async () => {
      await soma[Symbol.asyncDispose]()
      await daemon[Symbol.asyncDispose]()
    },
  }
}
