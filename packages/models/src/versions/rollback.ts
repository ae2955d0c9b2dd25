import { type BlobDigest, SomaError } from '@soma/core'
import { type CallContext, type CallOutput, type ValidInput, unsafeModels } from '@soma/spec'
import { checkLicence } from '../package/licence-policy.ts'
import type { InstalledModel } from '../ports.ts'
import { PACKAGE_KIND, blobsOf } from '../registry/record.ts'
import { summarise } from '../registry/summary.ts'
import { applyRuling, ruleOnInstalled } from '../signing/policy.ts'
import type { VersionDeps } from './deps.ts'
import { checkFiles } from './check-files.ts'
import { denied, modelToChange } from './may-follow.ts'
import { checkUnpinned } from './pin.ts'
import { replacementEffects } from './replacement.ts'
import { isUnsafe } from './unsafe-record.ts'

/** The handler of `model.rollback`. The present version takes the place of the one that is gone back to: nothing is dropped. */
export function rollBack(deps: VersionDeps, input: ValidInput<'model.rollback'>, ctx: CallContext): CallOutput<'model.rollback'> {
  const { registry, settings } = deps
  const { effects } = ctx
  const present = modelToChange(registry, input.model, ctx)
  const { name } = present
  checkUnpinned(present)
  const target = findVersion(deps, present, input.digest)
  checkMayReturn(deps, target, ctx)
  checkFiles(deps.store, target)
  effects.require(() => {
    checkUnpinned(registry.get(name))
    findVersion(deps, present, target.digest)
  })
  effects.put(PACKAGE_KIND, name, target, { blobs: blobsOf(target) })
  replacementEffects(effects, deps, target, { keep: Math.max(settings().keepVersions, registry.versions.of(name).length) })
  const [from, to] = [present.version, target.version]
  effects.emit({ name: 'model.installed', resource: `model/${name}`, data: eventData(target) })
  return { model: summarise(target, deps), from, to }
}

/** What was installed under another policy, or by somebody who may do more, does not come back past the policy of today. */
function checkMayReturn(deps: VersionDeps, target: InstalledModel, ctx: CallContext): void {
  const { name, reference, licence } = target
  checkLicence(licence, deps.settings().licencesRefused ?? [], name)
  applyRuling({ report: ({ message }) => ctx.log.warn(message) }, ruleOnInstalled({ deps, input: { reference } }, target))
  if (isUnsafe(target) && !ctx.allows(unsafeModels.resource, unsafeModels.right))
    throw denied(ctx, unsafeModels, `going back to the unsafe files of ${reference}`)
}

function findVersion({ registry }: VersionDeps, { name, digest: present }: InstalledModel, digest: BlobDigest | undefined): InstalledModel {
  const versions = registry.versions.of(name)
  const found = digest === undefined ? versions[0] : versions.find(({ model }) => model.digest === digest)
  if (found) return found.model
  const what = digest === undefined ? 'earlier version' : digest === present ? 'other files than those of its present version' : digest
  throw new SomaError('model/no-version', `${name} has no ${what} to go back to; soma model show ${name} lists those kept`, {
    details: { model: name, digest: digest ?? null, kept: versions.map(({ model }) => model.digest) },
  })
}

function eventData({ name, version, reference, digest }: InstalledModel): Record<string, string> {
  return { name, version, reference, digest }
}
