import { SomaError } from '@soma/core'
import type { CallContext, CallOutput, ValidInput } from '@soma/spec'
import type { InstalledModel } from '../ports.ts'
import { checkUnchanged } from '../registry/check-unchanged.ts'
import { PACKAGE_KIND, blobsOf } from '../registry/record.ts'
import { summarise } from '../registry/summary.ts'
import { checkFiles } from './check-files.ts'
import type { VersionDeps } from './deps.ts'
import { modelToChange } from './may-follow.ts'

/** The handler of `model.pin`. */
export function pinModel(deps: VersionDeps, input: ValidInput<'model.pin'>, ctx: CallContext): CallOutput<'model.pin'> {
  const { registry, store } = deps
  const { effects } = ctx
  const { pinned } = input
  const model = modelToChange(registry, input.model, ctx)
  if (model.pinned === pinned) return { model: summarise(model, deps) }
  checkFiles(store, model)
  const next = { ...model, pinned }
  const { name } = model
  effects.require(() => checkUnchanged(registry, model))
  effects.put(PACKAGE_KIND, name, next, { blobs: blobsOf(next) })
  effects.committed(() => registry.apply(next))
  effects.emit({ name: 'model.pinned', resource: `model/${name}`, data: { name, pinned } })
  return { model: summarise(next, deps) }
}

/** @throws {SomaError} `model/pinned`. */
export function checkUnpinned({ name, version, pinned }: InstalledModel): void {
  if (!pinned) return
  throw new SomaError('model/pinned', `${name} is pinned to version ${version}; soma model pin ${name} --off lets it change`, {
    details: { model: name, version },
  })
}
