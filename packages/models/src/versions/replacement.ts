import { isSomaError } from '@soma/core'
import type { Effects } from '@soma/spec'
import type { InstalledModel } from '../ports.ts'
import { type EarlierVersion, VERSION_KIND, blobsOf, versionKey } from '../registry/record.ts'
import { collectLater } from './collect-later.ts'
import type { VersionDeps } from './deps.ts'
import { noteUnsafe } from './unsafe-record.ts'

export interface ReplacementOptions {
  /** Earlier versions to keep of the model: `install.keepVersions` when absent. */
  readonly keep?: number
}

/**
 * What committing `next` under its name means for the package that has the name then: it becomes an earlier version, with its
 * blobs, the oldest one over the limit goes, and calls from then on load the new files. The record of `next` itself is the caller's.
 */
export function replacementEffects(effects: Effects, deps: VersionDeps, next: InstalledModel, options: ReplacementOptions = {}): void {
  const { registry } = deps
  const { name } = next
  let replaced: InstalledModel | undefined
  let plan: VersionPlan | undefined
  // Who has the name is certain only in the turn of the commit.
  effects.require(() => {
    replaced = registry.find(name)
    plan = planVersions(deps, { replaced, next, keep: options.keep ?? deps.settings().keepVersions })
    noteUnsafe(effects, deps.store, name, next)
    for (const { model } of plan.dropped) effects.delete(VERSION_KIND, versionKey(model))
    if (plan.added) effects.put(VERSION_KIND, versionKey(plan.added.model), plan.added, { blobs: blobsOf(plan.added.model) })
  })
  effects.committed(() => {
    if (plan) registry.versions.set(name, plan.kept)
    registry.apply(next)
    if (replaced && replaced.digest !== next.digest) deps.background(unloadReplaced(deps, name))
  })
}

interface VersionPlan {
  readonly added: EarlierVersion | undefined
  readonly kept: readonly EarlierVersion[]
  readonly dropped: readonly EarlierVersion[]
}

interface Replacement {
  readonly replaced: InstalledModel | undefined
  readonly next: InstalledModel
  readonly keep: number
}

function planVersions(deps: VersionDeps, { replaced, next, keep }: Replacement): VersionPlan {
  const before = deps.registry.versions.of(next.name)
  // Equal files are the same version, whatever was changed around them.
  const others = before.filter(({ model }) => model.digest !== next.digest && model.digest !== replaced?.digest)
  const added = keep > 0 && replaced && replaced.digest !== next.digest && isWhole(deps, replaced) ? earlier(deps, replaced) : undefined
  const wanted = added ? [added, ...others] : others
  const kept = wanted.slice(0, keep)
  const keys = new Set(kept.map(({ model }) => versionKey(model)))
  return { added, kept, dropped: before.filter(({ model }) => !keys.has(versionKey(model))) }
}

/** Pinned is what is in use, and not what was. Two replacements in one millisecond still have an order. */
function earlier({ clock, registry }: VersionDeps, model: InstalledModel): EarlierVersion {
  const [latest] = registry.versions.of(model.name)
  return { model: { ...model, pinned: false }, replacedAt: Math.max(clock.now(), (latest?.replacedAt ?? 0) + 1) }
}

/** A record may only name blobs that are there; a package that lost some is nothing to go back to. */
function isWhole({ store, log }: VersionDeps, model: InstalledModel): boolean {
  const missing = model.files.find(({ digest }) => !store.blobs.has(digest))
  if (missing) log.warn('a replaced model lacks a file, and is not kept for a rollback', { model: model.name, path: missing.path })
  return missing === undefined
}

/** Calls that run are finished with the old files, which stay until then; the next one loads the new. */
async function unloadReplaced(deps: VersionDeps, name: string): Promise<void> {
  const { running, log } = deps
  try {
    await running.unload(name)
  } catch (error) {
    if (!isSomaError(error, 'model/not-found')) log.warn('the replaced model could not be unloaded', { model: name, error })
  }
  collectLater(deps)
}
