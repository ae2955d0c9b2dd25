import { type BlobDigest, isSomaError } from '@soma/core'
import type { CallContext, CallOutput, ValidInput } from '@soma/spec'
import type { InstalledModel } from '../ports.ts'
import { VERSION_KIND, versionKey } from '../registry/record.ts'
import { collectLater } from './collect-later.ts'
import type { VersionDeps } from './deps.ts'

type Output = CallOutput<'model.collect'>

/**
 * The handler of `model.collect`. Records of earlier versions go with the call's commit, the bytes after it; what an engine or an
 * install uses now stays for the next time.
 */
export async function collect(deps: VersionDeps, input: ValidInput<'model.collect'>, { effects }: CallContext): Promise<Output> {
  const { registry } = deps
  const age = input.partials ? { partialAgeMs: 0 } : {}
  const dropped = input.versions ? [...registry.versions.all()].filter((model) => !registry.isOpen(model)) : []
  const keys = [...dropped.map(versionKey), ...(input.versions ? registry.versions.damagedKeys() : [])]
  const foreseen = await foresee(deps, { dropped, age, unreadable: keys.length - dropped.length })
  if (!input.dryRun) {
    for (const key of keys) effects.delete(VERSION_KIND, key)
    effects.committed(() => {
      registry.versions.forget(keys)
      collectLater(deps, age)
    })
  }
  return { ...foreseen, versions: dropped.map(({ name, version, installedAt }) => ({ name, version, installedAt })) }
}

interface Plan {
  readonly dropped: readonly InstalledModel[]
  readonly age: { readonly partialAgeMs?: number }
  /** Damaged records that go. */
  readonly unreadable: number
}

/** What will be freed: what no record names even now, and what only records that go name. */
async function foresee(
  { store, registry }: VersionDeps,
  { dropped, age, unreadable }: Plan,
): Promise<Pick<Output, 'freedBytes' | 'blobs'>> {
  const unused = await store.blobs.collect({ ...age, dryRun: true }).catch((error: unknown) => {
    // What damaged records name, and so what else is unused, is known once they are gone.
    if (unreadable > 0 && isSomaError(error, 'store/corrupt')) return { blobs: [], freedBytes: 0 }
    throw error
  })
  const goes = new Set(dropped)
  const only = new Map<BlobDigest, number>(
    dropped.flatMap(({ files }) => files.map(({ digest, sizeBytes }) => [digest, sizeBytes] as const)),
  )
  for (const models of [registry.list(), registry.versions.all()])
    for (const model of models) if (!goes.has(model)) for (const { digest } of model.files) only.delete(digest)
  const freed = [...only].filter(([digest]) => store.blobs.has(digest) && !store.blobs.isLeased(digest))
  return {
    freedBytes: unused.freedBytes + freed.reduce((sum, [, sizeBytes]) => sum + sizeBytes, 0),
    blobs: unused.blobs.length + freed.length,
  }
}
