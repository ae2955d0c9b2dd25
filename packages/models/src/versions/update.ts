import { type CallContext, type CallEvent, type CallOutput, type ValidInput, publicReference } from '@soma/spec'
import { type Installer, keyOf } from '../install/install.ts'
import { pinnedTo } from '../install/plan.ts'
import { type Watched, watch } from '../watched.ts'
import type { InstalledModel } from '../ports.ts'
import { checkUnchanged } from '../registry/check-unchanged.ts'
import { PACKAGE_KIND, blobsOf } from '../registry/record.ts'
import { summarise } from '../registry/summary.ts'
import { type Changes, changesBetween, expectedChanges, includeOf } from './changes.ts'
import type { VersionDeps } from './deps.ts'
import { checkMayFollow, modelToChange } from './may-follow.ts'
import { checkUnpinned } from './pin.ts'

export interface UpdateDeps extends VersionDeps {
  readonly installer: Pick<Installer, 'resolve' | 'perform'>
}

type Event = CallEvent<'model.update'>
type Output = CallOutput<'model.update'>
type Input = ValidInput<'model.update'>

/** The handler of `model.update`: an install of what the model's reference means now, under its name. */
export function updateModel(deps: UpdateDeps, input: Input, ctx: CallContext): AsyncGenerator<Event, Output, void> {
  return watch<Event, Output>({ signal: ctx.signal, keyOf }, (watched) => update(deps, input, { ctx, watched }))
}

interface Running {
  readonly ctx: CallContext
  readonly watched: Watched<Event>
}

async function update(deps: UpdateDeps, input: Input, { ctx, watched }: Running): Promise<Output> {
  const { registry, installer, store } = deps
  const before = modelToChange(registry, input.model, ctx)
  checkUnpinned(before)
  const wanted = wantedOf(before, input)
  checkMayFollow(wanted.reference, ctx)
  const target = await installer.resolve(wanted, watched)
  if (pinnedTo(before) === target.pin) return upToDate(deps, before, { wanted: publicReference(wanted.reference), input, ctx })
  const expected = expectedChanges(before, target, store.blobs)
  if (input.dryRun) {
    if (expected.licenceAfter !== null) warnOfLicence(expected, before, watched)
    return { model: summarise(before, deps), changes: expected }
  }
  // A model that was removed meanwhile is not to be installed anew.
  ctx.effects.require(() => void registry.get(before.name))
  const { model } = await installer.perform(wanted, ctx, { ...watched, target })
  const changes = changesBetween(before, model, expected.fetchBytes)
  warnOfLicence(changes, before, watched)
  return { model: summarise(model, deps), changes }
}

/** The install that an update is. */
function wantedOf(before: InstalledModel, { to, allowUnsafe }: Input): ValidInput<'model.install'> {
  const include = includeOf(before)
  return { reference: to ?? before.wanted, name: before.name, replace: true, allowUnsafe, ...(include && { include }) }
}

/** Equal bytes under another reference: from now on that one is followed. */
function upToDate(
  deps: UpdateDeps,
  before: InstalledModel,
  { wanted, input, ctx }: { readonly wanted: string; readonly input: Input; readonly ctx: CallContext },
): Output {
  if (wanted === before.wanted || input.dryRun) return { model: summarise(before, deps), changes: null }
  const model = { ...before, wanted }
  ctx.effects.require(() => checkUnchanged(deps.registry, before))
  ctx.effects.put(PACKAGE_KIND, model.name, model, { blobs: blobsOf(model) })
  ctx.effects.committed(() => deps.registry.apply(model))
  return { model: summarise(model, deps), changes: null }
}

function warnOfLicence({ licenceBefore, licenceAfter }: Changes, { name }: InstalledModel, { report }: Watched<Event>): void {
  if (licenceBefore === licenceAfter) return
  const say = (licence: string | null): string => licence ?? 'none that is stated'
  report({ type: 'warning', message: `the licence of ${name} changes from ${say(licenceBefore)} to ${say(licenceAfter)}` })
}
