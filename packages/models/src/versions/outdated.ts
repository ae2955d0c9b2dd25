import { SomaError, isSomaError, throwIfAborted, untilAborted } from '@soma/core'
import type { CallContext, CallOutput, ValidInput } from '@soma/spec'
import { startDeadline } from '../deadline.ts'
import type { Installer } from '../install/install.ts'
import { pinnedTo } from '../install/plan.ts'
import { totalBytes } from '../install/resolve.ts'
import { inParallel } from '../parallel.ts'
import type { InstalledModel } from '../ports.ts'
import { includeOf } from './changes.ts'
import type { VersionDeps } from './deps.ts'
import { OUTDATED_PARALLEL, OUTDATED_TIMEOUT_MS } from './limits.ts'
import { checkMayFollow } from './may-follow.ts'

export interface OutdatedDeps extends Pick<VersionDeps, 'registry' | 'clock' | 'settings'> {
  readonly installer: Pick<Installer, 'resolve'>
}

type Output = CallOutput<'model.outdated'>
type Outdated = Output['models'][number]

/** The handler of `model.outdated`. A source that fails is named with its model; the others are asked all the same. */
export async function outdatedModels(deps: OutdatedDeps, input: ValidInput<'model.outdated'>, ctx: CallContext): Promise<Output> {
  const { registry, settings } = deps
  const models = input.model === undefined ? registry.list() : [registry.get(input.model)]
  if (settings().offline)
    throw new SomaError(
      'source/offline',
      'what is newer only the network knows, and offline mode is on; soma config set install.offline false ends it',
    )
  const found = new Map<string, Outdated>()
  await inParallel(models, OUTDATED_PARALLEL, async (model) => {
    const outdated = await ask(deps, model, ctx)
    throwIfAborted(ctx.signal)
    if (outdated) found.set(model.name, outdated)
  })
  return { models: models.flatMap(({ name }) => found.get(name) ?? []), checked: models.length }
}

async function ask(deps: OutdatedDeps, model: InstalledModel, ctx: CallContext): Promise<Outdated | undefined> {
  const { name, version, reference, pinned } = model
  const known = { name, version, reference, pinned }
  try {
    checkMayFollow(model.wanted, ctx)
    const available = await newer(deps, model, ctx.signal)
    return available ? { ...known, available, error: null } : undefined
  } catch (error) {
    if (!isSomaError(error)) throw error
    return { ...known, available: null, error: error.message }
  }
}

/** @returns undefined when it is what is installed. */
async function newer(deps: OutdatedDeps, model: InstalledModel, signal: AbortSignal): Promise<Outdated['available'] | undefined> {
  const late = (): SomaError =>
    new SomaError('source/unavailable', `the source of ${model.wanted} did not answer in ${OUTDATED_TIMEOUT_MS / 1000} s`)
  using limit = startDeadline(deps.clock, OUTDATED_TIMEOUT_MS, late, signal)
  const include = includeOf(model)
  const wanted = { reference: model.wanted, name: model.name, replace: true, allowUnsafe: false, ...(include && { include }) }
  const resolving = deps.installer.resolve(wanted, { signal: limit.signal, report: () => undefined }, { retries: 0 })
  // Not every source listens to its signal.
  const { resolution, pin } = await untilAborted(resolving, limit.signal)
  if (pin === pinnedTo(model)) return undefined
  return { version: resolution.version, reference: resolution.reference, sizeBytes: totalBytes(resolution) }
}
