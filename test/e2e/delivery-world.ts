// A daemon whose hubs are all on loopback, and what is true of it after every install that failed.
import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type ErrorCode, errorCodes } from '@soma/core'
import type { Soma } from '@soma/sdk'
import type { Config } from '@soma/spec'
import { type FaultyServer, type HubModel, createFaultyServer, huggingFaceHub } from '@soma/testkit/server'
import { type Ended, soma, until } from './attack.ts'
import { TestDaemon } from './daemon.ts'

export const COMMIT = 'c'.repeat(40)
/** What a member of the hub sends. */
export const TOKEN = 'hf_member'

/** The problem document that a command with `--json` ends with. */
export interface Problem {
  readonly code: string
  readonly detail: string
  readonly retryable: boolean
  readonly details: Readonly<Record<string, unknown>>
}

/** A hub of models that tests add, the daemon that installs from it, and the command line. */
export class DeliveryWorld implements AsyncDisposable {
  readonly daemon: TestDaemon
  readonly hub: FaultyServer
  readonly owner: Soma
  readonly #models: Record<string, HubModel>

  private constructor(parts: Pick<DeliveryWorld, 'daemon' | 'hub' | 'owner'>, models: Record<string, HubModel>) {
    this.daemon = parts.daemon
    this.hub = parts.hub
    this.owner = parts.owner
    this.#models = models
  }

  static async start(env: Readonly<Record<string, string>> = {}): Promise<DeliveryWorld> {
    const models: Record<string, HubModel> = {}
    const hub = await createFaultyServer({ '*': huggingFaceHub(models, { members: [`Bearer ${TOKEN}`] }) })
    const home = await mkdtemp(join(tmpdir(), 'soma-e2e-'))
    // Failures are told at once, not after minutes of trying.
    await writeFile(join(home, 'config.toml'), '[install]\nretries = 1\n')
    const daemon = await TestDaemon.start(home, { HF_ENDPOINT: hub.origin, ...env })
    return new DeliveryWorld({ daemon, hub, owner: await daemon.connect() }, models)
  }

  /** Puts a model onto the hub, at `main`. @returns its reference. */
  add(name: string, files: HubModel['commits'][string], more: Partial<HubModel> = {}): string {
    this.#models[name] = { commits: { [COMMIT]: files }, branches: { main: COMMIT }, ...more }
    return `hf/${name}`
  }

  /** Where the hub serves a file of a model. */
  pathOf(name: string, file: string): string {
    return `/${name}/resolve/${COMMIT}/${file}`
  }

  /** Bytes that the hub sent of a path. */
  sentBytes(path: string): number {
    return this.hub.requests.reduce((sum, request) => (request.path === path ? sum + request.sentBytes : sum), 0)
  }

  async lay(name: string, files: Readonly<Record<string, Uint8Array | string>>): Promise<string> {
    const folder = join(this.daemon.home, 'lay', name)
    for (const [path, content] of Object.entries(files)) {
      await mkdir(dirname(join(folder, path)), { recursive: true })
      await writeFile(join(folder, path), content)
    }
    return folder
  }

  run(...args: string[]): Promise<Ended> {
    return soma(this.daemon.home, ...args)
  }

  /** Runs a command that must succeed. @returns its document. */
  async ok(...args: string[]): Promise<Record<string, unknown>> {
    const { code, stdout, stderr } = await this.run(...args, '--json')
    assert.equal(code, 0, stderr)
    return stdout === '' ? {} : (JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as Record<string, unknown>)
  }

  /** Runs an install that must fail as told, with the exit code of its error code, and leave nothing behind. */
  async refuses(args: readonly string[], code: ErrorCode, message: RegExp): Promise<Problem> {
    const ended = await this.run('model', 'install', ...args, '--json')
    const last = ended.stderr.trimEnd().split('\n').at(-1) ?? ''
    assert.match(last, /^\{/, `${ended.stdout}${ended.stderr}`)
    const problem = JSON.parse(last) as Problem
    assert.equal(problem.code, code, last)
    assert.match(problem.detail, message)
    assert.equal(ended.code, errorCodes[code].exit)
    await this.isEmpty()
    return problem
  }

  /** No model is listed, and once it is asked to, the store lets go of every byte. */
  async isEmpty(): Promise<void> {
    assert.deepEqual(await this.names(), [])
    await this.owner.model.collect({ partials: true })
    await until(() => this.#leftovers().length === 0, `nothing is left in the store: ${this.#leftovers().join(', ')}`)
  }

  async names(): Promise<string[]> {
    return (await this.owner.model.list()).models.map(({ name }) => name)
  }

  async set(key: keyof Config['install'], value: boolean | string | string[]): Promise<void> {
    await this.owner.system.configure({ set: { [`install.${key}`]: value } })
  }

  /** Everything is as it was before the test. */
  async reset(): Promise<void> {
    this.hub.heal()
    const set = Object.fromEntries(['offline', 'mirrors', 'signatures', 'licencesRefused'].map((key) => [`install.${key}`, null]))
    await this.owner.system.configure({ set })
    for (const model of await this.names()) await this.owner.model.remove({ model })
    await this.isEmpty()
  }

  #leftovers(): string[] {
    return ['blobs', 'partials', 'tmp'].flatMap((name) => {
      const folder = join(this.daemon.home, name)
      if (!existsSync(folder)) return []
      return readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await using _hub = this.hub
    await using _daemon = this.daemon
    await this.owner[Symbol.asyncDispose]()
  }
}
