import { isSomaError } from '@soma/core'
import type { PackageSpec } from 'npm-package-arg'
import { invalidReference } from './errors.ts'

/** A package of a registry, and which version of it. */
export interface NpmReference {
  readonly spec: PackageSpec
  readonly name: string
  /** As one path part: `@scope%2fname`. */
  readonly escapedName: string
  /** Version, range or tag. */
  readonly wanted: string
}

/** @throws {SomaError} `source/invalid-reference`, also for what npm could install but no registry has: git, folders, URLs. */
export async function parseNpmReference(name: string): Promise<NpmReference> {
  const { default: parse } = await import('npm-package-arg')
  try {
    const spec = parse(name, '/')
    if (!['version', 'range', 'tag'].includes(spec.type))
      throw invalidReference(name, `it names a ${spec.type}, not a package of a registry`)
    if (!spec.name || !spec.escapedName || !spec.fetchSpec) throw invalidReference(name, 'it names no package')
    return { spec, name: spec.name, escapedName: spec.escapedName, wanted: spec.fetchSpec }
  } catch (thrown) {
    throw isSomaError(thrown) ? thrown : invalidReference(name, (thrown as Error).message)
  }
}
