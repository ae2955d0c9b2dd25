import { execFile, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { copyFile, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { Soma } from '@soma/sdk'
import { TestDaemon } from '../../test/e2e/daemon.ts'
import { type ReferenceChild, startReference } from '../child.ts'
import type { Row } from '../measure.ts'

const run = promisify(execFile)
const FILES = 40
const FILE_BYTES = 50_000_000
const BYTES = FILES * FILE_BYTES
/** As configured by default: connections for one file, files at once. */
const CONNECTIONS = 4 * 4
const CHUNK_BYTES = 4 * 1024 * 1024

export const transfer: Row = {
  name: 'transfer',
  what: 'installing 2 GB in 40 files from a loopback server: fetched, hashed, synced, registered',
  against: 'aria2c -x8, then sha256sum',
  unit: 'MB/s',
  target: '≥ 0.9×, RSS growth ≤ 96 MB',
  needs: () => (spawnSync('aria2c', ['--version']).error ? 'aria2c; apt-get install aria2 brings it' : undefined),
  met: (ours, reference, { 'RSS growth MB': growth = Infinity }) => ours.p50 >= 0.9 * reference.p50 && growth <= 96,
  async setUp() {
    const world = await World.start()
    const { soma } = world
    const before = world.residentBytes()
    let peak = before
    let count = 0
    return {
      async ours() {
        const name = `p${++count}`
        await world.prepare(name)
        const start = performance.now()
        const stream = soma.stream('model.install', { reference: world.reference(name), name: 'big', include: ['**'] })
        for await (const _ of stream) peak = Math.max(peak, world.residentBytes())
        const rate = BYTES / 1000 / (performance.now() - start)
        await soma.call('model.remove', { model: 'big' })
        return rate
      },
      async reference() {
        const folder = join(world.folder, 'aria2')
        const list = Array.from({ length: FILES }, (_, file) => `${world.url(`p${count}/${file}`)}\n  out=${file}.bin`).join('\n')
        await mkdir(folder)
        await writeFile(join(world.folder, 'list'), list)
        const start = performance.now()
        await run('aria2c', ['-q', '-x8', '-s8', '-j5', '--file-allocation=none', '-d', folder, '-i', join(world.folder, 'list')])
        await run(
          'sha256sum',
          Array.from({ length: FILES }, (_, file) => join(folder, `${file}.bin`)),
        )
        const rate = BYTES / 1000 / (performance.now() - start)
        await rm(folder, { recursive: true })
        return rate
      },
      warmups: 0,
      samples: 3,
      extra: () => ({ 'RSS growth MB': (peak - before) / 1e6 }),
      [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
    }
  },
}

export const resume: Row = {
  name: 'resume',
  what: 'bytes fetched again after kill -9 in the middle of 2 GB in 40 files',
  against: 'one chunk of 4 MiB for each of 16 connections',
  unit: 'MB',
  target: '≤ 1×',
  met: (ours, reference) => ours.p50 <= reference.p50,
  async setUp() {
    const world = await World.start()
    let [count, killedAt] = [0, 0]
    return {
      async ours() {
        const name = `slow/p${++count}`
        await world.prepare(name)
        const before = await world.sentBytes()
        const input = { reference: world.reference(name), name: 'big', include: ['**'] }
        // Its daemon will be gone.
        const killed = drain(world.soma.stream('model.install', input)).catch(() => undefined)
        // About the middle: connections that began together also fill their chunks together.
        const killAt = BYTES * (0.45 + Math.random() / 10)
        while ((await world.sentBytes()) - before < killAt) await sleep(5)
        await world.kill()
        await killed
        killedAt = (await world.sentBytes()) - before
        await world.restart()
        await drain(world.soma.stream('model.install', input))
        const again = (await world.sentBytes()) - before - BYTES
        await world.soma.call('model.remove', { model: 'big' })
        return again / 1e6
      },
      reference: () => (CONNECTIONS * CHUNK_BYTES) / 1e6,
      warmups: 0,
      samples: 3,
      extra: () => ({ 'killed after MB': killedAt / 1e6 }),
      [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
    }
  },
}

export const shared: Row = {
  name: 'shared',
  what: 'disk used by a second package of 2 GB that shares 90 % of its bytes with the first',
  against: 'its new bytes',
  unit: 'MB',
  target: '≤ 1.02×, and as many bytes fetched',
  met: (ours, reference, { 'fetched MB': fetched = Infinity }) => ours.p50 <= 1.02 * reference.p50 && fetched <= 1.02 * reference.p50,
  async setUp() {
    const world = await World.start()
    await world.install('p1', 'first')
    let fetched = 0
    return {
      async ours() {
        await world.prepare('p1+2')
        const [sent, used] = [await world.sentBytes(), await world.diskBytes()]
        await world.install('p1+2', 'second')
        fetched = ((await world.sentBytes()) - sent) / 1e6
        const grown = ((await world.diskBytes()) - used) / 1e6
        await world.soma.call('model.remove', { model: 'second' })
        return grown
      },
      reference: () => BYTES / 10 / 1e6,
      warmups: 0,
      samples: 1,
      extra: () => ({ 'fetched MB': fetched }),
      [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
    }
  },
}

async function drain(events: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of events);
}

/** A server of packages, and a daemon that knows it as a source. */
class World implements AsyncDisposable {
  readonly folder: string
  readonly #daemon: TestDaemon
  readonly #server: ReferenceChild
  soma: Soma

  private constructor(folder: string, parts: { daemon: TestDaemon; server: ReferenceChild; soma: Soma }) {
    this.folder = folder
    this.#daemon = parts.daemon
    this.#server = parts.server
    this.soma = parts.soma
  }

  static async start(): Promise<World> {
    const folder = await mkdtemp(join(tmpdir(), 'soma-bench-'))
    const home = join(folder, 'home')
    await mkdir(join(home, 'sources'), { recursive: true, mode: 0o700 })
    await copyFile(join(import.meta.dirname, '..', 'reference', 'many-source.mjs'), join(home, 'sources', 'many.mjs'))
    const server = await startReference('package-server', [String(FILES), String(FILE_BYTES)])
    const daemon = await TestDaemon.start(home)
    return new World(folder, { daemon, server, soma: await daemon.connect() })
  }

  url(path: string): string {
    return `http://127.0.0.1:${this.#server.line}/${path}`
  }

  reference(name: string): string {
    return `many/${this.#server.line}/${name}`
  }

  /** Lets the server hash what it will send before anything is timed. */
  async prepare(name: string): Promise<void> {
    await (await fetch(this.url(`${name}/index.json`))).text()
  }

  async sentBytes(): Promise<number> {
    return Number(await (await fetch(this.url('sent'))).text())
  }

  async install(name: string, as: string): Promise<void> {
    await drain(this.soma.stream('model.install', { reference: this.reference(name), name: as, include: ['**'] }))
  }

  async kill(): Promise<void> {
    await this.#daemon.kill()
  }

  async restart(): Promise<void> {
    await this.#daemon.start()
    this.soma = await this.#daemon.connect()
  }

  residentBytes(): number {
    return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${this.#daemon.pid}/status`, 'utf8'))?.[1]) * 1024
  }

  /** What the files of the data folder take, each once. */
  async diskBytes(): Promise<number> {
    const home = join(this.folder, 'home')
    const seen = new Map<number, number>()
    for (const entry of await readdir(home, { recursive: true, withFileTypes: true })) {
      const { ino, blocks } = await stat(join(entry.parentPath, entry.name)).catch(() => ({ ino: 0, blocks: 0 }))
      if (entry.isFile()) seen.set(ino, blocks * 512)
    }
    return seen.values().reduce((sum, bytes) => sum + bytes, 0)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.soma[Symbol.asyncDispose]()
    await this.#server[Symbol.asyncDispose]()
    await this.#daemon[Symbol.asyncDispose]()
    await rm(this.folder, { recursive: true, force: true })
  }
}
