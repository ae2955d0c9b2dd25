// Seeded runs against a real server that misbehaves. SOMA_FAULT_RUNS says how many, SOMA_SEED where they begin: a run that
// failed is repeated by its own seed.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { type Rng, SomaError, createSeededRng, isSomaError, randomInteger, silentLog } from '@soma/core'
import { createHttpFetch, systemClock } from '@soma/host'
import { type Artifact, type Resolution, type Source, openHttpDownload, readDocument } from '@soma/spec'
import {
  type Fault,
  type FaultyServer,
  answers,
  corruptsByte,
  createFaultyServer,
  cutsAfter,
  drips,
  hasEtag,
  ignoresIfRange,
  ignoresRange,
  liesAboutRange,
  misstatesLength,
  redirectsTo,
  resets,
  shiftsRange,
  stallsAfter,
  tarGzOf,
  truncatesTo,
} from '@soma/testkit/server'
import { testSeed } from '@soma/testkit/simulate'
import { TestInstall } from './test-install.ts'

const RUNS = Number(process.env['SOMA_FAULT_RUNS'] ?? 500)
const SEED = testSeed()
const CHUNK = 4096

/** What may come of a run; anything else is a bug. */
const expected = new Set([
  'source/unavailable',
  'source/not-found',
  'source/unauthorized',
  'source/rate-limited',
  'package/hash-mismatch',
  'package/size-mismatch',
  'store/disk-full',
  'call/cancelled',
])

/** A file at the server, and what its source promises of it. */
interface Served {
  readonly path: string
  readonly url: string
  readonly bytes: Buffer
  readonly kind: Artifact['kind']
  readonly promise: 'sha256' | 'sha512' | 'chunks' | 'size' | 'nothing'
}

interface Package {
  readonly name: string
  readonly files: readonly Served[]
  /** What must be installed in the end, by path. */
  readonly truth: ReadonlyMap<string, Buffer>
}

/** Choices of one run. */
class Dice {
  readonly rng: Rng

  constructor(seed: number) {
    this.rng = createSeededRng(seed)
  }

  /** In [0, limit). */
  number(limit: number): number {
    return randomInteger(this.rng, limit)
  }

  chance(probability: number): boolean {
    return this.rng.float() < probability
  }

  of<T>(items: readonly T[]): T {
    return items[this.number(items.length)] as T
  }

  /** Mostly a few kilobytes, often enough chunks for several connections, sometimes nothing. */
  bytes(): Buffer {
    const size = this.of([this.number(5), this.number(3000), CHUNK, this.number(5 * CHUNK), 4 * CHUNK, this.number(24 * CHUNK)])
    const bytes = Buffer.alloc(size)
    for (let at = 0, state = this.number(2 ** 31); at < size; at++) {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0
      bytes[at] = state >>> 16
    }
    return bytes
  }
}

/** The world of one run. Its packages share some of their files. */
function packagesOf(dice: Dice, run: number): readonly Package[] {
  const pool = Array.from({ length: 1 + dice.number(4) }, (_, index) => served(dice, `f${index}.txt`, run))
  return Array.from({ length: dice.of([1, 1, 2, 3]) }, (_, index) => {
    const model = served(dice, `m${index}.echo`, run)
    const others = pool.filter(() => dice.chance(0.6))
    const inside = { 'in.txt': dice.bytes(), 'deep/er.bin': dice.bytes() }
    const archive: Served[] = dice.chance(0.3)
      ? [{ path: 'a.tgz', url: `/${run}/a${index}.tgz`, bytes: Buffer.from(tarGzOf(inside)), kind: 'tar.gz', promise: 'sha256' }]
      : []
    const files = [model, ...others, ...archive]
    const loose = files.filter(({ kind }) => kind === 'file').map(({ path, bytes }) => [path, bytes] as const)
    return { name: `r${run}-${index}`, files, truth: new Map([...loose, ...(archive.length > 0 ? Object.entries(inside) : [])]) }
  })
}

function served(dice: Dice, path: string, run: number): Served {
  const bytes = dice.bytes()
  return {
    path,
    url: `/${run}/${path}`,
    bytes,
    kind: 'file',
    promise: dice.of(['sha256', 'sha256', 'sha512', 'chunks', 'size', 'nothing']),
  }
}

function artifactOf({ path, url, bytes, kind, promise }: Served): Artifact {
  const digest = (algorithm: string, part = bytes): string => createHash(algorithm).update(part).digest('hex')
  const chunks = Array.from({ length: Math.ceil(bytes.length / CHUNK) }, (_, chunk) =>
    digest('sha256', bytes.subarray(chunk * CHUNK, (chunk + 1) * CHUNK)),
  )
  const algorithm = promise === 'sha512' ? promise : 'sha256'
  const hashed = promise !== 'size' && promise !== 'nothing'
  return {
    key: url,
    path,
    kind,
    ...(promise !== 'nothing' && { sizeBytes: bytes.length }),
    ...(hashed && { integrity: { algorithm, digest: digest(algorithm) } }),
    ...(promise === 'chunks' && { chunks: { sizeBytes: CHUNK, sha256: chunks } }),
  }
}

/** Ways to fail that leave the bytes what they are. */
function honestFault(dice: Dice, { bytes, url }: Served): Fault {
  const somewhere = dice.number(bytes.length + 1)
  return dice.of<() => Fault>([
    () => cutsAfter(somewhere),
    () => cutsAfter(dice.number(CHUNK)),
    () => resets,
    () => answers(dice.of([500, 502, 503, 408])),
    () => answers(429, { 'retry-after': String(dice.number(4)) }),
    () => answers(dice.of([401, 403, 404, 410])),
    () => ignoresRange,
    () => ignoresIfRange,
    () => hasEtag(dice.of(['"other"', '"third"', null])),
    () => drips(1000 + dice.number(2 * CHUNK), 1),
    () => redirectsTo(url),
    () => stallsAfter(somewhere),
    () => shiftsRange(1 + dice.number(CHUNK)),
  ])()
}

/** Ways to send something else than was promised. */
function lyingFault(dice: Dice, { bytes }: Served): Fault {
  return dice.of<() => Fault>([
    () => corruptsByte(dice.number(bytes.length)),
    () => corruptsByte(dice.number(bytes.length)),
    () => truncatesTo(dice.number(bytes.length)),
    () => misstatesLength(dice.of([1, 100, -1, -100])),
    () => liesAboutRange(1 + dice.number(100)),
  ])()
}

function inject(dice: Dice, server: FaultyServer, files: readonly Served[]): void {
  for (let count = dice.number(7); count > 0; count--) {
    const file = dice.of(files)
    const mayLie = file.promise !== 'nothing' && file.promise !== 'size' && file.bytes.length > 100
    const fault = mayLie && dice.chance(0.4) ? lyingFault(dice, file) : honestFault(dice, file)
    server.fail(file.url, fault, dice.chance(0.25) ? Infinity : 1 + dice.number(4))
  }
}

/** Everything that the runs share: what one leaves behind, the next would find. */
class World implements AsyncDisposable {
  readonly server: FaultyServer
  readonly test: TestInstall
  readonly #stack: AsyncDisposableStack
  readonly #packages: Map<string, Package>
  /** Bytes that downloads may still write. */
  diskBytes = Infinity

  private constructor(stack: AsyncDisposableStack, parts: { server: FaultyServer; test: TestInstall; packages: Map<string, Package> }) {
    this.#stack = stack
    this.server = parts.server
    this.test = parts.test
    this.#packages = parts.packages
    const { blobs } = this.test.store
    const partial = blobs.partial.bind(blobs)
    blobs.partial = async (key, options) => {
      const opened = await partial(key, options)
      const append = opened.append.bind(opened)
      opened.append = async (chunk, bytes) => {
        this.diskBytes -= bytes.byteLength
        if (this.diskBytes < 0) throw new SomaError('store/disk-full', 'no space left on the device')
        await append(chunk, bytes)
      }
      return opened
    }
  }

  static async create(): Promise<World> {
    const stack = new AsyncDisposableStack()
    const server = stack.use(await createFaultyServer())
    const fetch = stack.use(createHttpFetch({ env: {}, log: silentLog, clock: systemClock, userAgent: 'soma-test' }))
    const packages = new Map<string, Package>()
    const source: Source = {
      sourceVersion: 1,
      scheme: 'faulty',
      title: 'Faulty',
      example: 'faulty/x',
      resolve: async (name, { signal }): Promise<Resolution> => {
        await readDocument(await fetch(`${server.origin}/index`, { signal }), 1000)
        const files = packages.get(name)?.files ?? []
        return { reference: `faulty/${name}@1`, suggestedName: name, version: '1', artifacts: files.map(artifactOf) }
      },
      download: (artifact, options) =>
        openHttpDownload(fetch, { url: `${server.origin}${artifact.key}`, hashed: artifact.integrity !== undefined }, options),
    }
    server.serve({ '/index': { body: 'index' } })
    // A connection counts as stalled after 30 ms instead of a minute.
    const impatient = {
      ...systemClock,
      sleep: async () => undefined,
      schedule: (ms: number, action: () => void) => systemClock.schedule(ms / 2000, action),
    }
    const test = stack.use(await TestInstall.create({ sources: [source], deps: { chunkBytes: CHUNK, clock: impatient } }))
    return new World(stack, { server, test, packages })
  }

  async run(seed: number): Promise<string[]> {
    const dice = new Dice(seed)
    const { server, test } = this
    const packages = packagesOf(dice, seed)
    const files = packages.flatMap((pkg) => pkg.files)
    for (const pkg of packages) this.#packages.set(pkg.name, pkg)
    for (const { url, bytes } of files) server.serve({ [url]: { body: bytes } })
    ;[test.parallel, test.connections, test.retries] = [1 + dice.number(4), 1 + dice.number(6), dice.number(5)]
    this.diskBytes = dice.chance(0.1) ? dice.number(20 * CHUNK) : Infinity
    test.freeBytes = dice.chance(0.03) ? 1000 : Number.MAX_SAFE_INTEGER
    inject(dice, server, files)
    if (dice.chance(0.05)) server.fail('/index', dice.of([resets, answers(503), redirectsTo('/index')]), 1 + dice.number(3))
    const outcomes = await Promise.all(packages.map((pkg) => this.#attempt(pkg, dice.chance(0.25) ? dice.number(8) : undefined)))
    await this.#checkDisk(packages.filter((_, index) => outcomes[index] === 'installed'))
    server.heal()
    this.diskBytes = Infinity
    test.freeBytes = Number.MAX_SAFE_INTEGER
    // On a busy machine a healthy server, too, may say nothing for 30 ms.
    test.retries = 10
    for (const pkg of packages) assert.equal(await this.#attempt(pkg), 'installed', 'and once all is well, it installs')
    await this.#checkDisk(packages)
    for (const { name } of packages) await test.call('model.remove', { model: name })
    await this.#checkDisk([])
    return outcomes
  }

  /** @returns `installed`, or the code of what was thrown. */
  async #attempt({ name }: Package, abortAtEvent?: number): Promise<string> {
    const abort = new AbortController()
    let events = 0
    const onEvent = (): void => {
      if (events++ === abortAtEvent) abort.abort()
    }
    try {
      await this.test.install(`faulty/${name}`, { include: ['**'] }, { signal: abort.signal, onEvent })
      return 'installed'
    } catch (error) {
      assert.ok(isSomaError(error) && expected.has(error.code), `not expected of an install: ${String(error)}`)
      return error.code
    }
  }

  /** Exactly these are installed, each byte as it should be, and nothing else is on the disk. */
  async #checkDisk(packages: readonly Package[]): Promise<void> {
    const { test } = this
    await test.idle()
    await test.store.blobs.collect({ partialAgeMs: 0 })
    const models = test.registry.list()
    assert.deepEqual(new Set(models.map(({ name }) => name)), new Set(packages.map(({ name }) => name)))
    for (const { name, truth } of packages) {
      const { files } = test.registry.get(name)
      assert.deepEqual(new Set(files.map(({ path }) => path)), new Set(truth.keys()))
      for (const { path, digest } of files)
        assert.ok((await readFile(test.store.blobs.path(digest))).equals(truth.get(path) ?? Buffer.alloc(1)), path)
    }
    const digests = new Set(models.flatMap(({ files }) => files.map(({ digest }) => digest)))
    assert.deepEqual(await test.leftovers(), { blobs: digests.size, partials: 0, temporary: 0, layouts: 0 })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync()
  }
}

test(`${RUNS} installs from servers that fail in every way are whole, or leave nothing`, async (t) => {
  t.diagnostic(`SOMA_SEED=${SEED}`)
  await using world = await World.create()
  const counts = new Map<string, number>()
  for (let seed = SEED; seed < SEED + RUNS; seed++) {
    const outcomes = await world.run(seed).catch((error: unknown) => {
      throw new Error(`the run of SOMA_SEED=${seed} SOMA_FAULT_RUNS=1 failed: ${String(error)}`, { cause: error })
    })
    for (const outcome of outcomes) counts.set(outcome, (counts.get(outcome) ?? 0) + 1)
  }
  t.diagnostic([...counts].map(([outcome, count]) => `${outcome} ${count}`).join(', '))
})
