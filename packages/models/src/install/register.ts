import { describePackage } from '../package/describe.ts'
import { packageDigest } from '../package/file-set.ts'
import type { InstalledFile, InstalledModel } from '../ports.ts'
import { PACKAGE_KIND } from '../registry/record.ts'
import { blobsOf, replacementEffects } from '../versions/replacement.ts'
import type { CheckedPackage } from './check.ts'
import type { InstallContext } from './deps.ts'
import { checkName } from './plan.ts'
import type { Target } from './resolve.ts'

/** A checked package and the signature that is kept with it. */
type SignedPackage = CheckedPackage & Pick<InstalledModel, 'signatureBundle'>

/** Stages the record of a checked package. It exists once the kernel has committed it, together with the audit entry. */
export function register(context: InstallContext, target: Target, pkg: SignedPackage): InstalledModel {
  const { effects, deps, report } = context
  const model = describeModel(context, target, pkg)
  const { name } = model
  // Another install of the name may have been committed since the plan was made.
  effects.require(() => checkName(context, target))
  effects.put(PACKAGE_KIND, name, model, { blobs: blobsOf(model) })
  effects.emit({
    name: 'model.installed',
    resource: `model/${name}`,
    data: { name, version: model.version, reference: model.reference, digest: model.digest },
  })
  replacementEffects(effects, deps, model)
  report({ type: 'register', name })
  return model
}

function describeModel(context: InstallContext, { resolution, name, pin }: Target, pkg: SignedPackage): InstalledModel {
  const { recognised, signature, manifest: brought } = pkg
  const { include } = context.input
  const files = [...pkg.files]
    .map(([path, { digest, sizeBytes }]) => ({ path, digest, sizeBytes }))
    .sort((a, b) => (a.path < b.path ? -1 : 1))
  const { reference, version, licence, description, homepage } = resolution
  const manifest = describePackage(
    {
      recognised,
      files,
      signature,
      name,
      version,
      licence,
      description,
      homepage,
      source: { reference, pin, ...(include && { include }) },
    },
    brought,
  )
  const roles = new Map(Object.entries(recognised.roles).map(([role, path]) => [path, role]))
  return {
    name,
    version: manifest.metadata.version,
    reference,
    wanted: context.input.reference,
    format: recognised.format,
    task: recognised.task,
    engine: recognised.engine.id,
    settings: manifest.spec.engine?.settings ?? {},
    licence: manifest.metadata.license ?? null,
    files: files.map((file): InstalledFile => ({ ...file, role: roles.get(file.path) ?? null })),
    signature,
    knowledge: null,
    manifest,
    signatureBundle: pkg.signatureBundle,
    pinned: false,
    digest: packageDigest(files),
    installedAt: context.deps.clock.now(),
  }
}
