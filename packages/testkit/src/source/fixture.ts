import { type Log, type LogRecord, createLog, createSeededRng } from '@soma/core'
import { createHttpFetch, systemClock } from '@soma/host'
import type { CreateSource, Source, SourceDeps } from '@soma/spec'
import type { FaultyServer } from '../server/index.ts'

/** What a source's compliance run needs to know of the place behind it. */
export interface SourceFixture extends AsyncDisposable {
  /** A reference, without its scheme, that resolves. */
  readonly good: string
  /** One that is well formed and leads to nothing. */
  readonly missing: string
  /** Ones that cannot be read. */
  readonly malformed: readonly string[]
  /** The bytes that the artifact with this path must have. */
  bytes(path: string): Uint8Array
  /** Puts other bytes behind the good reference. */
  change(): Promise<void> | void
  readonly env?: SourceDeps['env']
  /** The server behind it, if any: its faults are tried. */
  readonly server?: FaultyServer
  /** Texts that no error, log line, key or reference may show. */
  readonly secrets?: readonly string[]
}

/** A source with real dependencies, and all it logged. */
export interface TestSource extends AsyncDisposable {
  readonly source: Source
  readonly logged: readonly LogRecord[]
}

/** Real HTTP, real time, seeded randomness, and a log that is kept. */
export function createTestSource(create: CreateSource, env: SourceDeps['env'] = {}): TestSource {
  const logged: LogRecord[] = []
  const log: Log = createLog({ level: 'debug', clock: systemClock, write: (record) => logged.push(record) })
  const fetch = createHttpFetch({ env, log, clock: systemClock, userAgent: 'soma-test' })
  const deps: SourceDeps = Object.freeze({
    fetch,
    clock: systemClock,
    rng: createSeededRng(1),
    log,
    memoryBytes: 16 * 1024 ** 3,
    formats: [],
    env: Object.freeze({ ...env }),
  })
  return { source: create(deps), logged, [Symbol.asyncDispose]: () => fetch[Symbol.asyncDispose]() }
}
