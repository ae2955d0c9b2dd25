import { type Knowledge, licenceOf, publicReference } from '@soma/spec'
import { describePackage } from '../package/describe.ts'
import { packageDigest } from '../package/file-set.ts'
import { checkLicence } from '../package/licence-policy.ts'
import type { InstalledFile, InstalledModel } from '../ports.ts'
import { PACKAGE_KIND, blobsOf } from '../registry/record.ts'
import { replacementEffects } from '../versions/replacement.ts'
import type { CheckedPackage } from './check.ts'
import type { InstallContext } from './deps.ts'
import { checkName } from './plan.ts'
import type { Target } from './resolve.ts'

/** A checked package and the signature that is kept with it. */
type SignedPackage = CheckedPackage & Pick<InstalledModel, 'signatureBundle'>

/** Where neither engine, files nor source say what a model does. */
const UNKNOWN_TASK = 'unknown'

/**
 * Stages the record of a checked package. It exists once the kernel has committed it, together with the audit entry.
 * @throws {SomaError} `package/licence-refused`.
 */
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
  const { recognised, signature, unsafe, manifest: brought } = pkg
  const { include } = context.input
  const { format, roles, engine, task } = recognised
  const { reference, version, description, homepage } = resolution
  const files = [...pkg.files]
    .map(([path, { digest, sizeBytes }]) => ({ path, digest, sizeBytes }))
    .sort((a, b) => (a.path < b.path ? -1 : 1))
  const knowledge = withWords(pkg.knowledge, resolution)
  const tasks = [...new Set([task ?? knowledge.tasks[0] ?? UNKNOWN_TASK, ...knowledge.tasks])]
  const source = { reference, pin, ...(include && { include }), ...(unsafe.length > 0 && { unsafe: true }) }
  const manifest = describePackage(
    {
      format,
      roles,
      tasks,
      knowledge,
      files,
      signature,
      name,
      version,
      homepage,
      source,
      engine: engine?.id ?? null,
      licence: knowledge.licence ?? undefined,
      description: description ?? knowledge.summary ?? undefined,
    },
    brought,
  )
  // A manifest may spell it as it likes; the policy is not to be passed that way.
  const licence = licenceOf(manifest.metadata.license) ?? null
  checkLicence(licence, context.deps.settings().licencesRefused ?? [], name)
  const roleOf = new Map(Object.entries(roles).map(([role, path]) => [path, role]))
  return {
    name,
    version: manifest.metadata.version,
    reference,
    // What a server wants to see is not for the disk, nor for whoever lists models.
    wanted: publicReference(context.input.reference),
    format,
    task: tasks[0] ?? UNKNOWN_TASK,
    engine: engine?.id ?? null,
    settings: manifest.spec.engine?.settings ?? {},
    licence,
    files: files.map((file): InstalledFile => ({ ...file, role: roleOf.get(file.path) ?? null })),
    signature,
    knowledge: { ...knowledge, licence: licence ?? knowledge.licence },
    manifest,
    signatureBundle: pkg.signatureBundle,
    // Only the same package may take the place of a pinned one.
    pinned: context.deps.registry.find(name)?.pinned ?? false,
    digest: packageDigest(files),
    installedAt: context.deps.clock.now(),
  }
}

/** What the source says fills in where the files are silent. */
function withWords(knowledge: Knowledge, { licence, task }: Target['resolution']): Knowledge {
  return {
    ...knowledge,
    licence: knowledge.licence ?? licenceOf(licence) ?? null,
    tasks: knowledge.tasks.length > 0 || task === undefined ? knowledge.tasks : [task],
  }
}
