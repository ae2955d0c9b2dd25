import assert from 'node:assert/strict'
import { describe } from 'node:test'
import { defined } from '@soma/core'
import type { Artifact, CreateSource } from '@soma/spec'
import type { FaultyServer } from '../server/index.ts'
import { readAll } from './checks.ts'
import { downloading } from './downloading.ts'
import { failing } from './failing.ts'
import { type SourceFixture, type TestSource, createTestSource } from './fixture.ts'
import { resolving } from './resolving.ts'

export interface SourceComplianceOptions {
  readonly name: string
  readonly create: CreateSource
  /** A new place for each test: folders made, server started. */
  readonly arrange: () => Promise<SourceFixture>
  /** Whether the fixtures have a server, so that its failures are tried too. */
  readonly remote: boolean
  /** False for a source whose artifacts all hold their bytes, so that nothing is ever fetched. */
  readonly downloads?: boolean
}

/** A place, and sources that look at it. */
export interface Arranged extends AsyncDisposable {
  readonly fixture: SourceFixture
  /** A new source, as in another process. */
  open(): TestSource
  /** The first artifact of the good reference, its bytes, and the validator they come with. */
  first(): Promise<{ readonly artifact: Artifact; readonly bytes: Uint8Array; readonly validator: string | undefined }>
}

/** What every source must do, whatever is behind it. */
export function sourceCompliance(options: SourceComplianceOptions): void {
  const arrange = async (): Promise<Arranged> => arranged(await options.arrange(), options.create)
  const arrangeRemote = async (): Promise<Arranged & { readonly server: FaultyServer }> => {
    const place = await arrange()
    return Object.assign(place, { server: defined(place.fixture.server, 'a remote source has a server') })
  }
  void describe(`the ${options.name} source`, () => {
    resolving(arrange)
    if (options.downloads !== false) downloading(arrange)
    if (options.remote) failing(arrangeRemote)
  })
}

function arranged(fixture: SourceFixture, create: CreateSource): Arranged {
  const opened: TestSource[] = []
  const open = (): TestSource => {
    const one = createTestSource(create, fixture.env)
    opened.push(one)
    return one
  }
  return { fixture, open, first: () => firstArtifact(fixture, open()), [Symbol.asyncDispose]: () => close(fixture, opened) }
}

async function firstArtifact({ good }: SourceFixture, { source }: TestSource) {
  const signal = new AbortController().signal
  const { artifacts } = await source.resolve(good, { signal })
  const artifact = defined(artifacts[0], 'a resolution has artifacts')
  const download = await source.download(artifact, { offset: 0, signal })
  const bytes = await readAll(download)
  assert.ok(bytes.byteLength > 16, 'fixtures have more than 16 bytes, so that offsets differ')
  return { artifact, bytes, validator: download.validator }
}

async function close(fixture: SourceFixture, opened: readonly TestSource[]): Promise<void> {
  for (const one of opened) await one[Symbol.asyncDispose]()
  await fixture[Symbol.asyncDispose]()
}
