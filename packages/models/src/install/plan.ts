import { SomaError } from '@soma/core'
import type { InstalledModel } from '../ports.ts'
import type { InstallContext } from './deps.ts'
import { DISK_RESERVE_BYTES } from './limits.ts'
import type { Target } from './resolve.ts'

/**
 * Decides, before the first byte is fetched, whether there is anything to do and room to do it.
 * @returns the model if exactly this package is installed under the name already.
 * @throws {SomaError} `model/exists`, `store/disk-full`.
 */
export async function plan(context: InstallContext, target: Target): Promise<InstalledModel | undefined> {
  const existing = context.deps.registry.find(target.name)
  if (existing && pinnedTo(existing) === target.pin) return existing
  if (existing && !context.input.replace) throw nameTaken(existing, target.resolution.reference)
  await checkSpace(context, target)
  return undefined
}

/** The pin a model was installed with. */
export function pinnedTo(model: InstalledModel): unknown {
  return model.manifest.spec.source?.['pin']
}

export function nameTaken(existing: InstalledModel, reference: string): SomaError {
  const { name, reference: installed } = existing
  const what = installed === reference ? `other files of ${installed} are` : `${installed} is`
  return new SomaError('model/exists', `${what} installed under the name ${JSON.stringify(name)}; choose another name, or replace it`, {
    details: { name, installed, wanted: reference },
  })
}

async function checkSpace(context: InstallContext, { resolution }: Target): Promise<void> {
  const fetched = resolution.artifacts.filter(({ localPath }) => localPath === undefined)
  // An archive needs room for what it holds too; how much that is, nobody knows before it is open. At least as much again.
  const neededBytes = fetched.reduce((sum, { kind, sizeBytes = 0 }) => sum + sizeBytes * (kind === 'file' ? 1 : 2), DISK_RESERVE_BYTES)
  const freeBytes = await context.deps.freeBytes()
  if (neededBytes <= freeBytes) return
  throw new SomaError('store/disk-full', `${resolution.reference} needs ${neededBytes} bytes of disk; ${freeBytes} are free`, {
    details: { neededBytes, freeBytes },
  })
}
