import { SomaError, isSomaError } from '@soma/core'
import { type YamlText, parseYaml } from '@soma/formats'
import {
  MANIFEST_BYTES_MAX,
  MANIFEST_FILE_NAME,
  type Manifest,
  ManifestSchema,
  type Signature,
  type TensorSpec,
  checkPackagePath,
} from '@soma/spec'
import { stringify } from 'yaml'

/**
 * Reads a `manifest.yaml` from outside. Unknown keys are kept.
 * @throws {SomaError} `package/invalid-manifest` or `package/unsafe-path`, whose details name file, line, column and field.
 */
export function readManifest(bytes: Uint8Array, file: string = MANIFEST_FILE_NAME): Manifest {
  const yaml = parseYaml(bytes, { file, bytesMax: MANIFEST_BYTES_MAX })
  const parsed = ManifestSchema.safeParse(yaml.value)
  if (!parsed.success) throw invalid(file, yaml, deepestIssue(parsed.error.issues))
  checkPaths(parsed.data, file, yaml)
  return parsed.data
}

/** The manifest as `manifest.yaml`; `readManifest` gives an equal one back. */
export function writeManifest(manifest: Manifest): string {
  // Folding long lines would be correct YAML and unreadable digests.
  return stringify(manifest, { lineWidth: 0, aliasDuplicateObjects: false })
}

/** Role → path inside the package, as the manifest says it; empty when it says nothing. */
export function manifestRoles(manifest: Manifest): Record<string, string> {
  const { execution_file: single, execution_files: several = {} } = manifest.spec.format
  const roles = Object.entries(several).map(([role, entry]) => [role, checkPackagePath(entry.path)] as const)
  return { ...(single && { model: checkPackagePath(single.path) }), ...Object.fromEntries(roles) }
}

/** Inputs and outputs as the manifest states them; null when it states none. */
export function manifestSignature(manifest: Manifest): Signature | null {
  const { inputs = [], outputs = [] } = manifest.spec.io ?? {}
  return inputs.length + outputs.length === 0 ? null : { inputs: inputs.map(toTensorSpec), outputs: outputs.map(toTensorSpec) }
}

type TensorEntry = NonNullable<Manifest['spec']['io']>['inputs'][number]

function toTensorSpec(entry: TensorEntry): TensorSpec {
  const { name, dtype, shape, finite, optional, description } = entry
  return {
    name,
    dtype,
    shape: shape?.map((size) => (typeof size === 'number' ? size : -1)) ?? null,
    ...(finite !== undefined && { finite }),
    ...(optional !== undefined && { optional }),
    ...(description !== undefined && { description: description.slice(0, 1000) }),
  }
}

/** Unsafe paths are found here, where the line is known, and not when the files are looked for. */
function checkPaths(manifest: Manifest, file: string, yaml: YamlText): void {
  const { files, execution_file: single, execution_files: several = {} } = manifest.spec.format
  const check = (path: string, where: readonly PropertyKey[]): void => {
    try {
      checkPackagePath(path)
    } catch (error) {
      if (!isSomaError(error)) throw error
      const { line, column } = yaml.position(where)
      throw new SomaError(error.code, `${file}:${line}:${column}: ${error.message}`, {
        details: { ...error.details, file, line, column, field: where.join('.') },
      })
    }
  }
  for (const [index, entry] of files.entries()) check(entry.path, ['spec', 'format', 'files', index, 'path'])
  if (single) check(single.path, ['spec', 'format', 'execution_file'])
  for (const [role, entry] of Object.entries(several)) check(entry.path, ['spec', 'format', 'execution_files', role])
}

interface Issue {
  readonly path: readonly PropertyKey[]
  readonly message: string
  readonly errors?: ReadonlyArray<readonly Issue[]>
}

/** Of a union's failures the one that got furthest, because that is the alternative the writer meant. */
function deepestIssue(issues: readonly Issue[], base: readonly PropertyKey[] = []): Issue {
  const [issue] = issues
  if (!issue) return { path: base, message: 'not a manifest' }
  const path = [...base, ...issue.path]
  const inner = (issue.errors ?? []).filter((list) => list.length > 0).map((list) => deepestIssue(list, path))
  const furthest = inner.sort((a, b) => b.path.length - a.path.length)[0]
  return furthest && furthest.path.length > path.length ? furthest : { path, message: issue.message }
}

function invalid(file: string, yaml: YamlText, issue: Issue): SomaError {
  const { line, column } = yaml.position(issue.path)
  const field = issue.path.map(String).join('.')
  const reason = `${field === '' ? 'the document' : field}: ${issue.message}`
  return new SomaError('package/invalid-manifest', `${file}:${line}:${column}: ${reason}`, {
    details: { file, line, column, field, reason: issue.message },
  })
}
