import { type Log, isSomaError } from '@soma/core'
import { type Artifact, type Integrity, type Resolution, type SourceDeps, modelNameOf, publicUrl, readDocument } from '@soma/spec'
import { noSuchProject } from './errors.ts'
import { formatKey } from './key.ts'
import { METADATA_BYTES_MAX, PAGE_BYTES_MAX } from './limits.ts'
import { type Described, parseMetadata } from './metadata.ts'
import { type PypiOptions, authorizationFor, connectionTo, loadPypiOptions } from './options.ts'
import { type IndexFile, parsePage } from './page.ts'
import { type Candidate, pickFile } from './pick.ts'
import { parsePypiReference } from './reference.ts'

/** What every request of one resolution shares. */
interface Query {
  readonly deps: SourceDeps
  readonly options: PypiOptions
  readonly signal: AbortSignal
}

/** Picks the file as pip would, and pins it with its address and hash. */
export async function resolvePypi(name: string, deps: SourceDeps, signal: AbortSignal): Promise<Resolution> {
  const reference = await parsePypiReference(name)
  const query = { deps, signal, options: await loadPypiOptions(deps.env) }
  const picked = await pickFile(await listFiles(reference.project, query), reference)
  warnIfYanked(picked, deps.log)
  return {
    reference: `pypi/${reference.project}@${picked.version}`,
    suggestedName: modelNameOf(reference.project),
    version: picked.version,
    ...(await describe(picked.file, query)),
    artifacts: [artifactOf(picked)],
  }
}

/** Asks the indexes in order. The first that has the project is the only one it is taken from, so that no other can slip in a newer version. */
async function listFiles(project: string, query: Query): Promise<IndexFile[]> {
  for (const index of query.options.indexes) {
    const page = await fetchPage(new URL(`${project}/`, index), query)
    if (page !== undefined) return page
  }
  throw noSuchProject(
    project,
    query.options.indexes.map(({ host }) => host),
  )
}

const accept = 'application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.2, text/html; q=0.1'

async function fetchPage(url: URL, { deps, options, signal }: Query): Promise<IndexFile[] | undefined> {
  try {
    const reply = await deps.fetch(url.href, { headers: { accept }, connection: connectionTo(url, options), signal })
    return parsePage(await readDocument(reply, PAGE_BYTES_MAX), reply.headers['content-type'] ?? '', reply.url)
  } catch (thrown) {
    if (isSomaError(thrown, 'source/not-found')) return undefined
    throw thrown
  }
}

function warnIfYanked({ version, file }: Candidate, log: Log): void {
  if (file.yanked === undefined) return
  log.warn('this version was withdrawn by its author', { file: file.fileName, version, reason: file.yanked || 'no reason given' })
}

/** Only wheels with their metadata beside them (PEP 658) tell licence and summary without a download. */
async function describe(file: IndexFile, { deps, options, signal }: Query): Promise<Described> {
  if (!file.hasMetadata) return {}
  const url = `${file.url}.metadata`
  try {
    const reply = await deps.fetch(url, { headers: authorizationFor(url, options), connection: connectionTo(url, options), signal })
    return parseMetadata(new TextDecoder().decode(await readDocument(reply, METADATA_BYTES_MAX)))
  } catch (thrown) {
    if (isSomaError(thrown) && !thrown.retryable && thrown.code !== 'call/cancelled') return {}
    throw thrown
  }
}

function artifactOf({ file, kind }: Candidate): Artifact {
  const integrity = integrityOf(file.hashes)
  return {
    key: formatKey(publicUrl(file.url), integrity),
    path: file.fileName,
    kind,
    // A source archive holds one folder, `name-version/`; a wheel none.
    ...(!file.fileName.endsWith('.whl') && { stripComponents: 1 }),
    ...(file.sizeBytes !== undefined && { sizeBytes: file.sizeBytes }),
    ...(integrity && { integrity }),
  }
}

function integrityOf(hashes: IndexFile['hashes']): Integrity | undefined {
  const algorithm = (['sha256', 'sha512', 'sha1'] as const).find((name) => /^[0-9a-f]+$/i.test(hashes[name] ?? ''))
  return algorithm && { algorithm, digest: (hashes[algorithm] ?? '').toLowerCase() }
}
