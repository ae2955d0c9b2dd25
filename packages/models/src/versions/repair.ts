import { type BlobDigest, isSomaError, throwIfAborted } from '@soma/core'
import type { Artifact, CallContext, CallEvent, InstallEvent, ValidInput } from '@soma/spec'
import type { Installer } from '../install/install.ts'
import type { Target } from '../install/resolve.ts'
import type { Watched } from '../watched.ts'
import type { InstalledFile, InstalledModel } from '../ports.ts'
import { includeOf } from './changes.ts'
import type { VersionDeps } from './deps.ts'
import { checkMayFollow } from './may-follow.ts'

export interface RepairDeps extends Pick<VersionDeps, 'store' | 'running' | 'background'> {
  readonly installer: Pick<Installer, 'resolve' | 'bring'>
}

export interface Repair {
  readonly model: InstalledModel
  /** Missing, or not what the record says. */
  readonly damaged: readonly InstalledFile[]
}

interface RepairCall {
  readonly ctx: CallContext
  readonly watched: Watched<CallEvent<'model.verify'>>
}

export interface RepairResult {
  /** Blobs that are whole again. */
  readonly fixed: ReadonlySet<BlobDigest>
  /** Why some are not. */
  readonly error: string | null
}

/**
 * Gets damaged files again from where the model came, at the version that it has. A blob is replaced by one of the same digest or
 * not at all. Other copies in the store need no looking for: equal files are one blob.
 */
export async function repairModel(deps: RepairDeps, repair: Repair, call: RepairCall): Promise<RepairResult> {
  const { model, damaged } = repair
  // Until it is whole, nobody is to take the damaged one for what its name says.
  for (const { digest } of damaged) deps.store.blobs.distrust(digest)
  const mending = new Mending(deps, repair, call)
  // Where the version is gone, the present one may still have this very file.
  for (const reference of new Set([model.reference, model.wanted]))
    if (mending.lost.length > 0) await mending.attempt(() => mending.from(reference))
  const { fixed, lost, errors } = mending
  if (lost.length === 0) return { fixed, error: null }
  return { fixed, error: errors[0] ?? `${model.reference} has other files there now: ${lost.map(({ path }) => path).join(', ')}` }
}

/** One model on its way to being whole again. */
class Mending {
  readonly fixed = new Set<BlobDigest>()
  readonly errors: string[] = []
  readonly #deps: RepairDeps
  readonly #repair: Repair
  readonly #call: RepairCall

  constructor(deps: RepairDeps, repair: Repair, call: RepairCall) {
    this.#deps = deps
    this.#repair = repair
    this.#call = call
  }

  get lost(): readonly InstalledFile[] {
    return this.#repair.damaged.filter(({ digest }) => !this.fixed.has(digest))
  }

  /** A failure is noted, and the rest goes on. */
  async attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      throwIfAborted(this.#call.watched.signal)
      if (!isSomaError(error)) throw error
      this.errors.push(error.message)
    }
  }

  /** Gets what is lost from where the reference leads: one by one, because what can be had is not to suffer from what cannot. */
  async from(reference: string): Promise<void> {
    checkMayFollow(reference, this.#call.ctx)
    const { model } = this.#repair
    const include = includeOf(model)
    const input = { reference, name: model.name, replace: true, allowUnsafe: false, ...(include && { include }) }
    const target = await this.#deps.installer.resolve(input, follow(model, this.#call))
    for (const artifact of needed(target.resolution, this.lost)) await this.attempt(() => this.#bring(input, target, artifact))
  }

  async #bring(input: ValidInput<'model.install'>, target: Target, artifact: Artifact): Promise<void> {
    const one = { ...target, resolution: { ...target.resolution, artifacts: [artifact] } }
    const way = { ...follow(this.#repair.model, this.#call), target: one }
    await using brought = await this.#deps.installer.bring(input, this.#call.ctx, way)
    for (const { digest } of brought.files.values()) this.fixed.add(digest)
  }
}

/** Downloads are progress, too. */
function follow({ name }: InstalledModel, { watched }: RepairCall): Watched<InstallEvent> {
  return {
    signal: watched.signal,
    report: (event) => {
      if (event.type !== 'download') return
      const { path, receivedBytes: hashedBytes, sizeBytes } = event
      watched.report({ name, path, hashedBytes, totalBytes: sizeBytes ?? hashedBytes })
    },
  }
}

/** The artifacts that the damaged files came from: themselves where they can be told, else all archives. */
function needed({ artifacts }: Target['resolution'], damaged: readonly InstalledFile[]): readonly Artifact[] {
  const single = artifacts.filter(({ kind }) => kind === 'file')
  // Files of a package whose manifest lies in a folder are named from there.
  const isOf = (file: InstalledFile, { path, integrity }: Artifact): boolean =>
    integrity?.algorithm === 'sha256' ? `sha256:${integrity.digest}` === file.digest : path === file.path || path.endsWith(`/${file.path}`)
  const own = single.filter((artifact) => damaged.some((file) => isOf(file, artifact)))
  const isFound = damaged.every((file) => single.some((artifact) => isOf(file, artifact)))
  return isFound ? own : [...own, ...artifacts.filter(({ kind }) => kind !== 'file')]
}

/** An engine that has the damaged files open is to read the sound ones. */
export function repaired({ running, background }: RepairDeps, { name, digest }: InstalledModel, { effects, log }: CallContext): void {
  effects.emit({ name: 'model.repaired', resource: `model/${name}`, data: { name, digest } })
  effects.committed(() => {
    if (running.isLoaded(name)) background(unload(name))
  })
  const unload = async (model: string): Promise<void> => {
    await running.unload(model).catch((error: unknown) => log.warn('a repaired model could not be unloaded', { model, error }))
  }
}
