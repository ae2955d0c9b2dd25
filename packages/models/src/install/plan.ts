import { isDeepStrictEqual } from 'node:util'
import { SomaError } from '@soma/core'
import { type Artifact, publicReference } from '@soma/spec'
import type { InstalledModel } from '../ports.ts'
import { applyRuling, ruleOnInstalled } from '../signing/policy.ts'
import { checkNotAlias } from '../versions/alias.ts'
import { checkUnpinned } from '../versions/pin.ts'
import type { InstallContext } from './deps.ts'
import { DISK_RESERVE_BYTES } from './limits.ts'
import type { Target } from './resolve.ts'
import { isStored } from './take-here.ts'

/**
 * Decides, before the first byte is fetched, whether there is anything to do and room to do it.
 * @returns the model if exactly this package is installed under the name already, and the signature policy has nothing against it.
 * @throws {SomaError} `model/exists`, `model/pinned`, `store/disk-full`.
 */
export async function plan(context: InstallContext, target: Target): Promise<InstalledModel | undefined> {
  const existing = context.deps.registry.find(target.name)
  if (existing && pinnedTo(existing) === target.pin && isAccepted(context, existing)) return existing
  checkName(context, target)
  await checkSpace(context, target)
  return undefined
}

/** Under a policy that is stricter than the one it was installed under, it is brought again and checked as if it were new. */
function isAccepted(context: InstallContext, existing: InstalledModel): boolean {
  const ruling = ruleOnInstalled(context, existing)
  if (ruling.refusal) return false
  applyRuling(context, ruling)
  return true
}

/** @throws {SomaError} `model/exists`, `model/pinned` when the package may not have its name. */
export function checkName({ deps: { registry }, input }: InstallContext, { name, pin, resolution }: Target): void {
  checkNotAlias(registry, name)
  const existing = registry.find(name)
  if (!existing || pinnedTo(existing) === pin) return
  if (!input.replace) throw nameTaken(existing, resolution.reference)
  checkUnpinned(existing)
}

/** The pin a model was installed with. */
export function pinnedTo(model: InstalledModel): unknown {
  return model.manifest.spec.source?.['pin']
}

function nameTaken(existing: InstalledModel, reference: string): SomaError {
  const { name, reference: installed } = existing
  const what = installed === reference ? `other files of ${installed} are` : `${installed} is`
  return new SomaError('model/exists', `${what} installed under the name ${JSON.stringify(name)}; choose another name, or replace it`, {
    details: { name, installed, wanted: reference },
  })
}

async function checkSpace(context: InstallContext, { resolution }: Target): Promise<void> {
  const fetched = resolution.artifacts.filter((artifact) => artifact.localPath === undefined && !isStored(context.deps, artifact))
  const neededBytes = fetched.reduce((sum, artifact) => sum + spaceFor(context, artifact), DISK_RESERVE_BYTES)
  const freeBytes = await context.deps.freeBytes()
  if (neededBytes <= freeBytes) return
  throw new SomaError('store/disk-full', `${resolution.reference} needs ${neededBytes} bytes of disk; ${freeBytes} are free`, {
    details: { neededBytes, freeBytes },
  })
}

/** Bytes that must still find room for an artifact. */
function spaceFor({ deps }: InstallContext, { key, kind, sizeBytes = 0 }: Artifact): number {
  const here = deps.store.blobs.partialBytes(key)
  // An archive needs room for what it holds too; how much that is, nobody knows before it is open. At least as much again.
  return Math.max(0, sizeBytes - here) + (kind === 'file' ? 0 : sizeBytes)
}

/** What was installed by this reference, under this name: all that can be known of a source that is out of reach. */
export function installedAs({ deps, input }: InstallContext): InstalledModel | undefined {
  const { name, include } = input
  const wanted = publicReference(input.reference)
  return deps.registry.list().find((model) => {
    const sameFiles = isDeepStrictEqual(model.manifest.spec.source?.['include'], include)
    return model.wanted === wanted && (name === undefined || model.name === name) && sameFiles
  })
}
