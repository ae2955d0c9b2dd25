import type { BlobDigest } from '@soma/core'
import type { Knowledge, Manifest, ManifestFile, Signature } from '@soma/spec'
import { withRequirements } from './requirements.ts'

/** A file of a package, by content. */
export interface DescribedFile {
  readonly path: string
  readonly sizeBytes: number
  readonly digest: BlobDigest
}

/** Everything that a package's manifest says. */
export interface Description {
  readonly format: string
  /** Role → path. */
  readonly roles: Readonly<Record<string, string>>
  /** Id of the engine that runs it; null when none here does. */
  readonly engine: string | null
  /** What it does here, which comes first, and what else. */
  readonly tasks: readonly string[]
  readonly knowledge: Knowledge
  readonly files: readonly DescribedFile[]
  readonly signature: Signature | null
  readonly name: string
  readonly version: string
  readonly licence?: string | undefined
  readonly description?: string | undefined
  readonly homepage?: string | undefined
  /** Where it came from: kept under `spec.source`. */
  readonly source: Readonly<Record<string, unknown>> & { readonly reference: string }
}

/**
 * The manifest of an installed package. Given one that the package brought, everything in it stays, and what was found
 * in the files is filled in; the list of files becomes complete.
 */
export function describePackage(description: Description, brought?: Manifest): Manifest {
  const { files, signature, source, roles, engine, tasks, knowledge } = description
  const { execution_file: _single, ...format } = brought?.spec.format ?? { type: description.format, files: [] }
  return {
    ...(brought ?? { apiVersion: 'soma/v1', kind: 'Model' }),
    metadata: describeMetadata(description, brought),
    spec: {
      ...brought?.spec,
      format: {
        ...format,
        files: describeFiles(files, format.files),
        execution_files: Object.fromEntries(Object.entries(roles).map(([role, path]) => [role, { path }])),
      },
      ...(signature && !brought?.spec.io && { io: toIo(signature) }),
      ...(knowledge.framework !== null && { framework: { name: knowledge.framework, ...brought?.spec.framework } }),
      requirements: withRequirements(knowledge.requirements, brought?.spec.requirements),
      tasks: brought?.spec.tasks ?? [...tasks],
      ...(engine !== null && { engine: { settings: {}, ...brought?.spec.engine, id: engine } }),
      source: { ...brought?.spec.source, ...source },
    },
  }
}

function describeMetadata(description: Description, brought?: Manifest): Manifest['metadata'] {
  const { name, version, licence, description: text, homepage } = description
  const found = {
    name,
    version,
    ...(text !== undefined && { description: text }),
    ...(licence !== undefined && { license: licence }),
    ...(homepage !== undefined && { homepage }),
  }
  // Empty texts are what generators write when they do not know.
  const stated = Object.entries(brought?.metadata ?? {}).filter(([, value]) => value !== '')
  return { ...found, ...Object.fromEntries(stated) }
}

function describeFiles(files: readonly DescribedFile[], stated: readonly ManifestFile[]): ManifestFile[] {
  const byPath = new Map(stated.map((entry) => [entry.path, entry]))
  return files.map(({ path, sizeBytes, digest }) => ({
    ...byPath.get(path),
    path,
    size: sizeBytes,
    sha256: digest.slice('sha256:'.length),
  }))
}

function toIo(signature: Signature): NonNullable<Manifest['spec']['io']> {
  const entries = (specs: Signature['inputs']) => specs.map(({ shape, ...spec }) => ({ ...spec, ...(shape && { shape: [...shape] }) }))
  return { inputs: entries(signature.inputs), outputs: entries(signature.outputs) }
}
