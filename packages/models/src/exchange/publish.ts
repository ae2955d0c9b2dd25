import { createHash } from 'node:crypto'
import { type Clock, type Rng, SomaError } from '@soma/core'
import type {
  CallContext,
  CallEvent,
  CallOutput,
  ChunkHashes,
  OutgoingFile,
  OutgoingPackage,
  PublishOptions,
  Source,
  ValidInput,
} from '@soma/spec'
import type { Store } from '@soma/store'
import { findSource } from '../install/resolve.ts'
import { withRetries } from '../install/retry.ts'
import { type Watched, watch } from '../watched.ts'
import type { InstalledModel, Registry } from '../ports.ts'
import { PIECES_MAX, PIECE_BYTES } from './limits.ts'
import { type OutgoingContent, checkedBytes, outgoingFiles } from './outgoing-files.ts'

export interface PublishDeps {
  readonly store: Store
  readonly registry: Pick<Registry, 'get'>
  readonly sources: readonly Source[]
  readonly clock: Clock
  readonly rng: Rng
  /** Attempts after the first. */
  readonly retries: () => number
}

type Event = CallEvent<'model.publish'>
type Output = CallOutput<'model.publish'>

/** The handler of `model.publish`. Bytes are checked before the first of them is sent: nobody publishes a damaged file. */
export function publishModel(deps: PublishDeps, input: ValidInput<'model.publish'>, ctx: CallContext): AsyncGenerator<Event, Output, void> {
  return watch<Event, Output>({ signal: ctx.signal, keyOf: ({ path }) => path }, async (watched) => {
    const model = deps.registry.get(input.model)
    const { publish, name } = findPublisher(deps.sources, input.reference)
    using _lease = deps.store.blobs.lease(model.files.map(({ digest }) => digest))
    const pkg = await describe(deps, model, watched.signal)
    const sent = new Sent(watched)
    const retried = {
      retries: deps.retries(),
      signal: watched.signal,
      onRetry: logRetry(ctx, input.reference),
      progressed: () => sent.progressed(),
    }
    const published = await withRetries(deps, retried, async () =>
      publish(pkg, name, { signal: watched.signal, progress: (state) => sent.note(state) }),
    )
    return { reference: published.reference, digest: published.digest ?? null, ...sent.totals() }
  })
}

function findPublisher(
  sources: readonly Source[],
  reference: string,
): { readonly publish: NonNullable<Source['publish']>; readonly name: string } {
  const { source, name } = findSource(reference, sources)
  if (source.publish) return { publish: source.publish.bind(source), name }
  const able = sources.filter((other) => other.publish !== undefined).map(({ scheme }) => scheme)
  throw new SomaError(
    'source/unsupported',
    `nothing can be published to ${source.scheme}; ${able.length > 0 ? `use ${able.join(', ')}` : 'no source here takes packages'}`,
    {
      details: { source: source.scheme, publishable: able },
    },
  )
}

async function describe({ store }: PublishDeps, model: InstalledModel, signal: AbortSignal): Promise<OutgoingPackage> {
  const contents = outgoingFiles(store, model).toSorted((a, b) => (a.path < b.path ? -1 : 1))
  const files: OutgoingFile[] = []
  for (const content of contents) files.push({ ...content, ...(await hashPieces(model, content, signal)) })
  const { description } = model.manifest.metadata
  return {
    name: model.name,
    version: model.version,
    format: model.format,
    ...(model.licence !== null && { licence: model.licence }),
    ...(description !== undefined && { description }),
    files,
  }
}

/** One pass over a file: is it whole, and what does each piece of it hash to. */
async function hashPieces(model: InstalledModel, file: OutgoingContent, signal: AbortSignal): Promise<{ readonly chunks?: ChunkHashes }> {
  const sizeBytes = PIECE_BYTES * Math.ceil(Math.max(1, file.sizeBytes / PIECES_MAX / PIECE_BYTES))
  const sha256: string[] = []
  let [hash, filled] = [createHash('sha256'), 0]
  for await (const chunk of checkedBytes(model, file, signal))
    for (let at = 0; at < chunk.byteLength;) {
      const part = chunk.subarray(at, at + sizeBytes - filled)
      hash.update(part)
      at += part.byteLength
      filled += part.byteLength
      if (filled < sizeBytes) continue
      sha256.push(hash.digest('hex'))
      ;[hash, filled] = [createHash('sha256'), 0]
    }
  if (filled > 0) sha256.push(hash.digest('hex'))
  return sha256.length > 1 ? { chunks: { sizeBytes, sha256 } } : {}
}

function logRetry({ log }: CallContext, reference: string) {
  return (retry: { readonly attempt: number; readonly delayMs: number; readonly reason: string }): void =>
    log.warn('publishing is tried again', { reference, ...retry })
}

/** What has been sent of each file, over all attempts. */
class Sent {
  readonly #files = new Map<string, Event>()
  readonly #report: (event: Event) => void
  #progressed = false

  constructor({ report }: Watched<Event>) {
    this.#report = report
  }

  note(state: Parameters<PublishOptions['progress']>[0]): void {
    const before = this.#files.get(state.path)
    // What an earlier attempt sent is there by now, and was sent all the same.
    if (before && !before.skipped && state.skipped) return
    this.#progressed ||= state.sentBytes > (before?.sentBytes ?? 0)
    this.#files.set(state.path, state)
    this.#report(state)
  }

  /** Since it was asked last. */
  progressed(): boolean {
    const progressed = this.#progressed
    this.#progressed = false
    return progressed
  }

  totals(): Pick<Output, 'sentBytes' | 'skippedBytes'> {
    const sum = (skipped: boolean): number =>
      this.#files
        .values()
        .reduce((bytes, file) => (file.skipped === skipped ? bytes + (skipped ? file.sizeBytes : file.sentBytes) : bytes), 0)
    return { sentBytes: sum(false), skippedBytes: sum(true) }
  }
}
