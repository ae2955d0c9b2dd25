import { type Artifact, type Resolution, chooseFiles, licenceOf, modelNameOf, nearestOf } from '@soma/spec'
import { commitOf } from './commit.ts'
import { badAnswer, noSuchModel, noSuchRevision } from './errors.ts'
import {
  type HubQuery,
  type ModelScopeFiles,
  type ModelScopeInfo,
  fetchFiles,
  fetchInfo,
  fetchRevisions,
  isMissing,
  searchModels,
} from './hub.ts'
import { formatKey } from './key.ts'
import { MODELS_SHOWN } from './limits.ts'
import { type ModelScopeReference, formatModelScopeReference, parseModelScopeReference } from './reference.ts'

interface HubFile {
  readonly path: string
  readonly sizeBytes: number
  readonly sha256?: string
}

/** Pins the revision to its commit, and chooses the files that are needed. */
export async function resolveModelScope(name: string, query: HubQuery): Promise<Resolution> {
  const asked = parseModelScopeReference(name)
  const { repository, selector } = asked
  const info = await describe(repository, query)
  const listed = await listFiles(asked, query)
  const commit = commitOf(listed, asked.revision)
  if (commit === undefined) throw badAnswer(query.options.endpoint, `the commit of ${repository}`, undefined)
  const pinned = (wanted?: string): string =>
    formatModelScopeReference({ repository, revision: commit, ...(wanted !== undefined && { selector: wanted }) })
  const chosen = chooseFiles((listed.Files ?? []).filter(({ Type }) => Type === 'blob').map(toFile), {
    memoryBytes: query.deps.memoryBytes,
    formats: query.deps.formats,
    reference: pinned,
    ...(selector !== undefined && { selector }),
  })
  return {
    reference: pinned(chosen.selector),
    suggestedName: modelNameOf(repository.split('/')[1] ?? repository),
    version: commit,
    ...describedBy(info),
    homepage: `${query.options.endpoint}/models/${repository}`,
    ...(chosen.choice && { choice: chosen.choice }),
    ...(chosen.warnings.length > 0 && { warnings: chosen.warnings }),
    ...(chosen.omitted.length > 0 && { omitted: chosen.omitted }),
    artifacts: chosen.files.toSorted((a, b) => b.sizeBytes - a.sizeBytes).map((file) => artifactOf(file, { repository, commit })),
  }
}

async function describe(repository: string, query: HubQuery): Promise<ModelScopeInfo> {
  try {
    return await fetchInfo(query, repository)
  } catch (thrown) {
    if (!isMissing(thrown)) throw thrown
    const authenticated = query.options.token !== undefined
    throw noSuchModel(repository, { authenticated, similar: await similarModels(repository, query) }, thrown)
  }
}

/** A hint for an error; no failure of its own. */
async function similarModels(repository: string, query: HubQuery): Promise<string[]> {
  try {
    const found = await searchModels(query, repository.split('/')[1] ?? repository, MODELS_SHOWN)
    return found.map(({ id }) => `modelscope/${id}`)
  } catch {
    return []
  }
}

async function listFiles({ repository, revision }: ModelScopeReference, query: HubQuery): Promise<ModelScopeFiles> {
  const listed = await fetchFiles(query, repository, revision)
  if (listed.Files !== null) return listed
  const there = await fetchRevisions(query, repository).catch(() => [])
  throw noSuchRevision(repository, revision, [...new Set([...nearestOf(revision, there), ...there])])
}

function toFile({ Path, Size, Sha256 }: NonNullable<ModelScopeFiles['Files']>[number]): HubFile {
  const known = /^[0-9a-f]{64}$/i.test(Sha256 ?? '')
  return { path: Path, sizeBytes: Size, ...(known && { sha256: (Sha256 ?? '').toLowerCase() }) }
}

function describedBy({ License, Description, Tasks }: ModelScopeInfo): Pick<Resolution, 'licence' | 'description' | 'task'> {
  const licence = licenceOf(License)
  const task = Tasks?.[0]?.Name
  return {
    ...(licence !== undefined && { licence }),
    ...(Description !== undefined && Description !== '' && { description: Description }),
    ...(task !== undefined && { task }),
  }
}

function artifactOf(file: HubFile, at: { readonly repository: string; readonly commit: string }): Artifact {
  const { path, sizeBytes, sha256 } = file
  return {
    key: formatKey({ ...at, ...file }),
    path,
    kind: 'file',
    sizeBytes,
    ...(sha256 !== undefined && { integrity: { algorithm: 'sha256', digest: sha256 } }),
  }
}
