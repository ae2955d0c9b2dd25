import type { BlobDigest } from '@soma/core'
import { isSomaError } from '@soma/core'
import type { CallContext, CallOutput } from '@soma/spec'
import type { InstalledFile, InstalledModel } from '../ports.ts'
import type { VersionDeps } from './deps.ts'
import { SHARED_WITH_MAX } from './limits.ts'

export interface UsageDeps extends Pick<VersionDeps, 'store' | 'registry'> {
  /** Bytes that may still be written to the store's disk. */
  readonly freeBytes: () => Promise<number>
}

type Output = CallOutput<'model.usage'>
type Usage = Output['models'][number]

/** One package on the disk: a model as it is, or an earlier version of it. */
interface Kept {
  readonly model: InstalledModel
  readonly previous: boolean
}

/** The handler of `model.usage`. Packages are those that the caller may see; the totals are of all. */
export async function modelUsage(deps: UsageDeps, ctx: CallContext): Promise<Output> {
  const { registry, store } = deps
  const kept: Kept[] = [
    ...registry.list().map((model) => ({ model, previous: false })),
    ...[...registry.versions.all()].map((model) => ({ model, previous: true })),
  ].sort((a, b) => (a.model.name < b.model.name ? -1 : a.model.name > b.model.name ? 1 : Number(a.previous) - Number(b.previous)))
  const visible = new Set(kept.map(({ model }) => model.name).filter((name) => ctx.allows(`model/${name}`, 'list')))
  const users = new BlobUsers(kept)
  const { unusedBytes, partialBytes } = await unused(deps)
  return {
    models: kept.filter(({ model }) => visible.has(model.name)).map((one) => describe(one, users, visible)),
    blobBytes: store.blobs.usage().sizeBytes,
    packageBytes: kept.reduce((sum, { model }) => sum + sizeOf(model.files), 0),
    unusedBytes,
    partialBytes,
    freeBytes: await deps.freeBytes(),
  }
}

function describe({ model, previous }: Kept, users: BlobUsers, visible: ReadonlySet<string>): Usage {
  const { name, version, files } = model
  const own = distinct(files).filter(({ digest }) => users.isOnly(digest, { model, previous }))
  // A model goes with its earlier versions.
  const ownBytes = previous ? sizeOf(own) : users.bytesOnlyOf(name)
  return { name, version, previous, sizeBytes: sizeOf(files), ownBytes, sharedWith: users.sharedWith(model, visible) }
}

/** Who uses which blob. */
class BlobUsers {
  readonly #byBlob = new Map<BlobDigest, { readonly sizeBytes: number; readonly users: Kept[]; readonly names: Set<string> }>()
  readonly #onlyOf = new Map<string, number>()
  readonly #blobsOf = new Map<string, Set<BlobDigest>>()

  constructor(kept: readonly Kept[]) {
    for (const one of kept)
      for (const { digest, sizeBytes } of distinct(one.model.files)) {
        const { name } = one.model
        const blob = this.#byBlob.get(digest) ?? { sizeBytes, users: [], names: new Set() }
        blob.users.push(one)
        blob.names.add(name)
        this.#byBlob.set(digest, blob)
        this.#blobsOf.set(name, (this.#blobsOf.get(name) ?? new Set()).add(digest))
      }
    for (const { sizeBytes, names } of this.#byBlob.values()) {
      const [name = '', other] = names
      if (other === undefined) this.#onlyOf.set(name, (this.#onlyOf.get(name) ?? 0) + sizeBytes)
    }
  }

  isOnly(digest: BlobDigest, { model }: Kept): boolean {
    const users = this.#byBlob.get(digest)?.users ?? []
    return users.length === 1 && users[0]?.model === model
  }

  bytesOnlyOf(name: string): number {
    return this.#onlyOf.get(name) ?? 0
  }

  /** Those that share its largest files first, up to the limit; what each of them shares is counted exactly. */
  sharedWith({ name, files }: InstalledModel, visible: ReadonlySet<string>): Usage['sharedWith'] {
    const blobs = distinct(files).sort((a, b) => b.sizeBytes - a.sizeBytes)
    const others = new Set<string>()
    for (const { digest } of blobs)
      for (const other of this.#byBlob.get(digest)?.names ?? []) {
        if (others.size >= SHARED_WITH_MAX) break
        if (other !== name && visible.has(other)) others.add(other)
      }
    const shared = (other: string): number => sizeOf(blobs.filter(({ digest }) => this.#blobsOf.get(other)?.has(digest)))
    return [...others].map((other) => ({ name: other, sizeBytes: shared(other) })).sort((a, b) => b.sizeBytes - a.sizeBytes)
  }
}

/** What a collection of everything would free: nothing while a damaged record leaves open what is used. */
async function unused({ store }: UsageDeps): Promise<{ unusedBytes: number; partialBytes: number }> {
  try {
    const { freedBytes, partialBytes } = await store.blobs.collect({ dryRun: true, partialAgeMs: 0 })
    return { unusedBytes: freedBytes - partialBytes, partialBytes }
  } catch (error) {
    if (isSomaError(error, 'store/corrupt')) return { unusedBytes: 0, partialBytes: 0 }
    throw error
  }
}

function distinct(files: readonly InstalledFile[]): InstalledFile[] {
  return [...new Map(files.map((file) => [file.digest, file])).values()]
}

function sizeOf(files: readonly InstalledFile[]): number {
  return files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
}
