import { SomaError, canonicalJson } from '@soma/core'
import { type Resolution, type Source, modelNameOf } from '@soma/spec'
import { checkFileSet, sha256Digest } from '../package/file-set.ts'
import { CANDIDATES_SHOWN_MAX } from '../package/limits.ts'
import { wantedPaths } from '../package/select.ts'
import type { InstallContext, InstallSettings } from './deps.ts'
import { promisesEqual } from './downloads.ts'
import { followManifest } from './follow-manifest.ts'
import { askSource } from './ask-source.ts'
import { ARTIFACTS_MAX } from './limits.ts'
import { withRetries } from './retry.ts'

/** A reference that is pinned, and the name it will have here. */
export interface Target {
  readonly source: Source
  readonly resolution: Resolution
  readonly name: string
  /** Equal for installs that give the same package: source, version, files and which of them are kept. */
  readonly pin: string
}

/**
 * Finds what the reference means now.
 * @throws {SomaError} `source/invalid-reference` for an unknown source; whatever the source throws.
 */
export async function resolve(context: Pick<InstallContext, 'input' | 'deps' | 'signal' | 'report'>): Promise<Target> {
  const { input, deps, signal, report } = context
  const { source, name } = findSource(input.reference, deps.sources)
  const wanted = wantedPaths(input.include)
  const found = await withRetries(
    deps,
    { retries: deps.settings().retries, signal, onRetry: (retry) => report({ type: 'retry', path: input.reference, ...retry }) },
    async () =>
      askSource(deps, { source, signal }, async (limited) =>
        followManifest(await source.resolve(name, { signal: limited }), source, limited),
      ),
  )
  checkRemote(found, deps.settings())
  const resolution = { ...found, artifacts: found.artifacts.filter(({ kind, path }) => kind !== 'file' || wanted(path)) }
  checkResolution(resolution, found)
  report({
    type: 'resolved',
    reference: resolution.reference,
    version: resolution.version,
    files: resolution.artifacts.length,
    sizeBytes: totalBytes(resolution),
  })
  return { source, resolution, name: input.name ?? modelNameOf(resolution.suggestedName), pin: pinOf(resolution, input.include) }
}

/** Nobody's input leaves this machine without their having said so. */
function checkRemote({ remote, reference }: Resolution, { cloud = false }: Pick<InstallSettings, 'cloud'>): void {
  if (remote !== true || cloud) return
  throw new SomaError(
    'source/unsupported',
    `${reference} runs on other people’s machines, and what is sent to it leaves this one; \`soma config set install.cloud true\` allows such models`,
    { details: { reference, setting: 'install.cloud' } },
  )
}

export function findSource(reference: string, sources: readonly Source[]): { source: Source; name: string } {
  const slash = reference.indexOf('/')
  const source = sources.find(({ scheme }) => scheme === reference.slice(0, slash))
  const name = reference.slice(slash + 1)
  if (slash > 0 && source && name !== '') return { source, name }
  throw unreadable(reference, sources)
}

function unreadable(reference: string, sources: readonly Source[]): SomaError {
  const known = sources.map(({ scheme }) => scheme)
  const example = (sources.find((source) => source.search !== undefined) ?? sources[0])?.example ?? 'npm/<package>'
  const path = reference.includes('/') ? '' : `; a file or folder is named by its path, e.g. ./${reference}`
  return new SomaError(
    'source/invalid-reference',
    `${JSON.stringify(reference)} cannot be read; expected <source>/<name>[@version] with one of the sources ${known.join(', ')}, e.g. ${example}${path}`,
    { details: { reference, sources: known } },
  )
}

function checkResolution({ artifacts, reference }: Resolution, found: Resolution): void {
  if (artifacts.length === 0)
    throw new SomaError('package/no-model', `none of the ${found.artifacts.length} files of ${reference} is wanted`, {
      details: { reference, candidates: found.artifacts.slice(0, CANDIDATES_SHOWN_MAX).map(({ path }) => path) },
    })
  const fetched = artifacts.filter(({ localPath }) => localPath === undefined)
  if (fetched.length > ARTIFACTS_MAX)
    throw new SomaError(
      'resource/exhausted',
      `${reference} has ${fetched.length} files to fetch; at most ${ARTIFACTS_MAX} are: choose some with --include`,
      {
        details: { reference, files: fetched.length, filesMax: ARTIFACTS_MAX },
        retryable: false,
      },
    )
  const byKey = new Map(fetched.map((artifact) => [artifact.key, artifact]))
  const other = fetched.find((artifact) => !promisesEqual(artifact, byKey.get(artifact.key) ?? artifact))
  if (other)
    throw new SomaError('package/hash-mismatch', `${reference} promises two different things of ${other.path}`, {
      details: { path: other.path },
    })
  checkFileSet(artifacts.filter(({ kind }) => kind === 'file').map(({ path }) => path))
}

/** @returns null when the size of some artifact is not known yet. */
export function totalBytes({ artifacts }: Resolution): number | null {
  return artifacts.reduce<number | null>((sum, { sizeBytes }) => (sum === null || sizeBytes === undefined ? null : sum + sizeBytes), 0)
}

function pinOf({ reference, artifacts }: Resolution, include: readonly string[] | undefined): string {
  const files = artifacts.map(({ key, path, kind, integrity }) => [key, path, kind, integrity?.digest ?? null])
  return sha256Digest(canonicalJson([reference, [...(include ?? ['default'])].sort(), files]))
}
