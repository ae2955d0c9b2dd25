import { isSomaError } from '@soma/core'
import { type Artifact, type Resolution, chooseFiles, licenceOf, modelNameOf, nearestOf } from '@soma/spec'
import { cachedBlob, cachedCommit, cachedFiles, cachedRepository } from './cache.ts'
import { disabled, gated, noSuchModel, noSuchRevision, notCached } from './errors.ts'
import { type HubFile, type HubInfo, connectHub } from './hub.ts'
import type { HubQuery } from './hub-fetch.ts'
import { formatKey } from './key.ts'
import { MODELS_COMPARED, MODELS_SHOWN } from './limits.ts'
import { type HubReference, formatHubReference, parseHubReference } from './reference.ts'

/** A repository at a commit. */
interface Snapshot {
  readonly repository: string
  readonly commit: string
  readonly files: readonly HubFile[]
  readonly described: Pick<Resolution, 'licence' | 'description' | 'homepage' | 'task'>
}

/** Pins the revision to its commit, and chooses the files that are needed. */
export async function resolveHub(name: string, query: HubQuery): Promise<Resolution> {
  const reference = parseHubReference(name)
  const snapshot = await snapshotOf(reference, query)
  const { repository, commit, files, described } = snapshot
  const pinned = { repository, revision: commit }
  const { selector } = reference
  const chosen = chooseFiles(files, {
    memoryBytes: query.deps.memoryBytes,
    formats: query.deps.formats,
    reference: (wanted) => formatHubReference(wanted === undefined ? { ...reference, repository } : { ...pinned, selector: wanted }),
    ...(selector !== undefined && { selector }),
  })
  return {
    reference: formatHubReference({ ...pinned, ...(chosen.selector !== undefined && { selector: chosen.selector }) }),
    suggestedName: modelNameOf(repository.split('/').at(-1) ?? repository),
    version: commit,
    ...described,
    ...(chosen.choice && { choice: chosen.choice }),
    ...(chosen.warnings.length > 0 && { warnings: chosen.warnings }),
    ...(chosen.omitted.length > 0 && { omitted: chosen.omitted }),
    artifacts: await artifactsOf(chosen.files, snapshot, query),
  }
}

/** Offline, by Hugging Face's setting or by ours, what other tools have downloaded is as good. */
async function snapshotOf(reference: HubReference, query: HubQuery): Promise<Snapshot> {
  if (query.options.offline) {
    const snapshot = await snapshotOfCache(reference, query)
    if (snapshot === undefined) throw notCached(formatHubReference(reference), query.options.cache)
    return snapshot
  }
  try {
    return await snapshotOfHub(reference, query)
  } catch (thrown) {
    const snapshot = isSomaError(thrown, 'source/offline') ? await snapshotOfCache(reference, query) : undefined
    if (snapshot === undefined) throw thrown
    return snapshot
  }
}

async function snapshotOfHub(reference: HubReference, query: HubQuery): Promise<Snapshot> {
  const { repository: asked, revision } = reference
  const info = await describe(asked, revision, query)
  // An old name leads to the new one, under which the model will still be found when the old name is taken by another.
  const repository = info.name
  const { endpoint, token } = query.options
  const shown = { repository, endpoint, authenticated: token !== undefined }
  if (info.disabled === true) throw disabled(shown)
  const hub = await connectHub(query, repository)
  if (info.gated !== undefined && info.gated !== false) {
    await hub.checkAccess()
    if (token === undefined) throw gated(shown)
  }
  return { repository, commit: info.sha, files: await hub.files(info.sha), described: describedBy(info, `${endpoint}/${repository}`) }
}

async function describe(repository: string, revision: string | undefined, query: HubQuery): Promise<HubInfo> {
  const hub = await connectHub(query, repository)
  try {
    return await hub.info(revision)
  } catch (thrown) {
    if (!isSomaError(thrown, 'source/not-found')) throw thrown
    const { errorCode } = thrown.details
    if (errorCode === 'RevisionNotFound')
      throw noSuchRevision(repository, revision ?? 'HEAD', nearestFirst(revision, await hub.revisions().catch(() => [])), thrown)
    if (errorCode === 'RepoNotFound') throw noSuchModel(repository, await similarModels(repository, query), thrown)
    throw thrown
  }
}

function nearestFirst(wanted: string | undefined, names: readonly string[]): string[] {
  return [...new Set([...nearestOf(wanted ?? '', names), ...names])]
}

/** Models whose name holds the wanted one's last part, or else are nearly called that; a hint, and no failure of its own. */
async function similarModels(repository: string, query: HubQuery): Promise<string[]> {
  try {
    const hub = await connectHub(query, repository)
    const search = async (text: string, limit: number): Promise<string[]> => (await hub.search(text, limit)).map((model) => model.name)
    const name = repository.split('/').at(-1) ?? repository
    const same = await search(name, MODELS_SHOWN)
    // The hub finds only what holds all that is searched for: names with a letter wrong share their first word.
    const similar = same.length > 0 ? same : nearestOf(repository, await search(name.split(/[-_.]/)[0] || name, MODELS_COMPARED))
    return similar.map((model) => `hf/${model}`)
  } catch {
    return []
  }
}

async function snapshotOfCache(reference: HubReference, { options }: HubQuery): Promise<Snapshot | undefined> {
  const { repository, revision } = reference
  const cached = options.cache === undefined ? undefined : cachedRepository(options.cache, repository)
  const commit = cached && (await cachedCommit(cached, revision))
  const files = cached && commit !== undefined ? await cachedFiles(cached, commit) : []
  if (commit === undefined || files.length === 0) return undefined
  return { repository, commit, files, described: { homepage: `${options.endpoint}/${repository}` } }
}

function describedBy({ cardData, tags, task }: HubInfo, homepage: string): Snapshot['described'] {
  const licence = licenceOfCard(cardData, tags)
  const description = cardData?.description
  return {
    homepage,
    ...(licence !== undefined && { licence }),
    ...(description !== undefined && description !== '' && { description }),
    ...(task !== undefined && { task }),
  }
}

/** `other` says only that there is a name beside it. */
export function licenceOfCard(card: HubInfo['cardData'], tags: readonly string[]): string | undefined {
  const tagged = tags.filter((tag) => tag.startsWith('license:')).map((tag) => tag.slice('license:'.length))
  const licences = card?.license ?? tagged
  const named = licences.map((licence) => licenceOf(licence === 'other' ? (card?.license_name ?? licence) : licence))
  return named.filter((licence) => licence !== undefined).join(' OR ') || undefined
}

/** Largest first: the whole takes as long as its largest file. */
async function artifactsOf(files: readonly HubFile[], { repository, commit }: Snapshot, query: HubQuery): Promise<Artifact[]> {
  const { cache } = query.options
  const cached = cache === undefined ? undefined : cachedRepository(cache, repository)
  const artifacts: Artifact[] = []
  for (const file of files.toSorted((a, b) => b.sizeBytes - a.sizeBytes)) {
    const { path, sizeBytes, sha256 } = file
    const localPath = cached && (await cachedBlob(cached, file, query.signal))
    artifacts.push({
      key: formatKey({ repository, commit, ...file }),
      path,
      kind: 'file',
      sizeBytes,
      ...(sha256 !== undefined && { integrity: { algorithm: 'sha256', digest: sha256 } }),
      ...(localPath !== undefined && { localPath, localImmutable: true }),
    })
  }
  return artifacts
}
