import type { BlobDigest, Clock } from '@soma/core'
import { isSomaError } from '@soma/core'
import type { CallContext, CallEvent, CallOutput, ValidInput } from '@soma/spec'
import type { Store } from '@soma/store'
import { type Watched, watch } from '../install/watched.ts'
import { inParallel } from '../parallel.ts'
import type { InstalledFile, InstalledModel } from '../ports.ts'
import { readKeyRing } from '../signing/key-ring.ts'
import { signatureVerdict } from '../signing/verdict.ts'
import { VERIFY_PARALLEL, VERIFY_PROGRESS_INTERVAL_MS } from './limits.ts'
import { PACKAGE_KIND, parseRecord } from './record.ts'
import type { ModelRegistry } from './registry.ts'

export interface VerifyDeps {
  readonly store: Store
  readonly registry: ModelRegistry
  readonly clock: Clock
}

type Event = CallEvent<'model.verify'>
type Output = CallOutput<'model.verify'>
type Verdict = Output['models'][number]

/** The handler of `model.verify`: hashes every file as it is on the disk now, and checks the records that name them. */
export function verifyModels(deps: VerifyDeps, input: ValidInput<'model.verify'>, ctx: CallContext): AsyncGenerator<Event, Output, void> {
  return watch<Event, Output>({ signal: ctx.signal, keyOf: ({ name, path }) => `${name} ${path}` }, async (watched) => {
    const only = input.model === undefined ? undefined : deps.registry.resolve(input.model)
    if (only !== undefined && !deps.registry.has(only)) deps.registry.get(only)
    const verdicts = readRecords(deps.store, only)
    const files = verdicts.flatMap(({ model, verdict }) => (model ? model.files.map((file) => ({ model, verdict, file })) : []))
    const hashed = new HashedBlobs(deps, watched)
    const fileVerdicts = new Map<InstalledFile, Verdict['files'][number]>()
    await inParallel(files, VERIFY_PARALLEL, async ({ model, file }) => {
      fileVerdicts.set(file, verdictOf(file, await hashed.hash(model.name, file)))
    })
    const keys = readKeyRing(deps.store)
    const models = verdicts.map(({ model, verdict }) => {
      const found = (model?.files ?? []).flatMap((file) => fileVerdicts.get(file) ?? [])
      const signature = (model && signatureVerdict(model, keys)?.status) ?? null
      const ok = verdict.record === 'ok' && signature !== 'bad' && found.every(({ status }) => status === 'ok')
      return { ...verdict, signature, files: found, ok }
    })
    return { ok: models.every(({ ok }) => ok), models }
  })
}

/** From the disk and not from the registry's memory, because the disk is what is asked about. */
function readRecords(store: Store, only: string | undefined): Array<{ readonly model?: InstalledModel; readonly verdict: Verdict }> {
  const rows = store.records.scan(PACKAGE_KIND).filter(({ key }) => only === undefined || key === only)
  return rows.map((row) => {
    const corrupt = { verdict: { name: row.key, ok: false, record: 'corrupt' as const, signature: null, repairError: null, files: [] } }
    if ('corrupt' in row) return corrupt
    try {
      return {
        model: parseRecord(row.key, row.value),
        verdict: { name: row.key, ok: true, record: 'ok' as const, signature: null, repairError: null, files: [] },
      }
    } catch (error) {
      if (isSomaError(error, 'store/corrupt')) return corrupt
      throw error
    }
  })
}

function verdictOf({ path, digest: expected }: InstalledFile, found: BlobDigest | null): Verdict['files'][number] {
  const status = found === null ? 'missing' : found === expected ? 'ok' : 'corrupt'
  return { path, status, expected, found }
}

/** Hashes each blob once, however many models share it. */
class HashedBlobs {
  readonly #deps: VerifyDeps
  readonly #watched: Watched<Event>
  readonly #hashes = new Map<BlobDigest, Promise<BlobDigest | null>>()

  constructor(deps: VerifyDeps, watched: Watched<Event>) {
    this.#deps = deps
    this.#watched = watched
  }

  async hash(name: string, file: InstalledFile): Promise<BlobDigest | null> {
    const found = this.#hashes.get(file.digest)
    if (found) return found
    const hash = this.#start(name, file)
    this.#hashes.set(file.digest, hash)
    return hash
  }

  async #start(name: string, { path, digest, sizeBytes }: InstalledFile): Promise<BlobDigest | null> {
    const { clock, store } = this.#deps
    const { report, signal } = this.#watched
    let nextAt = 0
    const progress = (hashedBytes: number): void => {
      const now = clock.monotonic()
      if (now < nextAt || hashedBytes === sizeBytes) return
      nextAt = now + VERIFY_PROGRESS_INTERVAL_MS
      report({ name, path, hashedBytes, totalBytes: sizeBytes })
    }
    const found = await store.blobs.hash(digest, { signal, progress })
    report({ name, path, hashedBytes: found === null ? 0 : sizeBytes, totalBytes: sizeBytes })
    return found
  }
}
