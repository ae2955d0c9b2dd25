import {
  type Artifact,
  type Resolution,
  type SourceDeps,
  type VariantChoice,
  licenceOfText,
  modelNameOf,
  publicUrl,
  totalBytes,
  validatorOf,
} from '@soma/spec'
import type { Candidate } from './candidates.ts'
import { LICENCE_FILE_NAME, documentsOf } from './documents.ts'
import { ambiguous } from './errors.ts'
import { findWeights } from './find-weights.ts'
import { formatKey } from './key.ts'
import { LICENCE_BYTES_MAX } from './limits.ts'
import { loadHubHosts } from './options.ts'
import { type HubReference, formatHubReference, parseHubReference, parseWeightsAddress } from './reference.ts'
import { CodeReader, commitOf } from './repository.ts'
import { fileNameOf, hashPrefixOf } from './weights-url.ts'

/** Hex digits of a commit that stand for a version, where the weights have no hash in their name. */
const COMMIT_LENGTH = 12

/** @param name an entry of a repository, or the address of weights whose name holds their hash. */
export async function resolvePytorch(name: string, deps: SourceDeps, signal: AbortSignal): Promise<Resolution> {
  return /^https?:\/\//i.test(name)
    ? resolveAddress(parseWeightsAddress(name), deps, signal)
    : resolveEntry(parseHubReference(name), deps, signal)
}

/** Weights alone: of which model they are, only who asks for them knows. */
async function resolveAddress(url: string, deps: SourceDeps, signal: AbortSignal): Promise<Resolution> {
  const weights = await weightsArtifact(url, deps, signal)
  return {
    reference: `pytorch/${publicUrl(url)}`,
    suggestedName: modelNameOf(weights.path.replace(/-[0-9a-f]{8,64}\..*$/, '')),
    version: weights.sha256Prefix ?? '',
    artifacts: [weights],
  }
}

/** Pins the repository to a commit, and of the entry's weights those that are asked for, or that its own code prefers. */
async function resolveEntry(asked: HubReference, deps: SourceDeps, signal: AbortSignal): Promise<Resolution> {
  const { repository, entry } = asked
  const hosts = loadHubHosts(deps.env)
  const query = { fetch: deps.fetch, hosts, repository, signal }
  const commit = await commitOf(query, asked.ref)
  const reader = new CodeReader({ ...query, commit })
  const candidates = await findWeights(reader, repository, entry)
  const chosen = choose(candidates, asked)
  const pinned = (weights: string): string => formatHubReference({ repository, ref: commit, entry, weights })
  const weights = await weightsArtifact(chosen.url, deps, signal)
  const licenceText = (await reader.text(LICENCE_FILE_NAME, LICENCE_BYTES_MAX)) || undefined
  const licence = licenceText === undefined ? undefined : licenceOfText(licenceText)
  const version = weights.sha256Prefix ?? commit.slice(0, COMMIT_LENGTH)
  const described = { repository, commit, entry, version, weights: chosen.name, file: weights.path }
  const licensed = { ...(licence !== undefined && { licence }), ...(licenceText !== undefined && { licenceText }) }
  return {
    reference: pinned(chosen.name),
    suggestedName: modelNameOf(entry),
    version,
    homepage: `${hosts.git}/${repository}`,
    ...(licence !== undefined && { licence }),
    ...(candidates.length > 1 && { choice: choiceOf(candidates, chosen, pinned) }),
    ...(weights.sha256Prefix === undefined && { warnings: [unhashed(weights.path)] }),
    artifacts: [weights, ...documentsOf({ ...described, ...licensed })],
  }
}

/** @throws {SomaError} `source/invalid-reference` when the code prefers none of several; `source/not-found` when none has the name. */
function choose(candidates: readonly Candidate[], { repository, entry, weights }: HubReference): Candidate {
  const wanted = weights?.toLowerCase()
  const names = candidates.map(({ name }) => name)
  if (wanted !== undefined && wanted !== 'default') {
    const found = candidates.find(({ name, url }) => name.toLowerCase() === wanted || fileNameOf(url).toLowerCase() === wanted)
    const hashed = found ?? candidates.find(({ url }) => hashPrefixOf(fileNameOf(url))?.startsWith(wanted))
    if (hashed === undefined) throw ambiguous(repository, entry, weights, names)
    return hashed
  }
  const [only] = candidates
  const preferred = candidates.find((one) => one.preferred) ?? (candidates.length === 1 ? only : undefined)
  if (preferred === undefined) throw ambiguous(repository, entry, undefined, names)
  return preferred
}

function choiceOf(candidates: readonly Candidate[], chosen: Candidate, pinned: (weights: string) => string): VariantChoice {
  return {
    chosen: chosen.name,
    reason: chosen.preferred ? 'the weights that the repository’s own code takes by default' : 'it was asked for',
    options: candidates.map(({ name }) => ({ name, reference: pinned(name) })),
  }
}

/** Asks for one byte, to learn the size, and the version where the name has no hash. */
async function weightsArtifact(url: string, deps: SourceDeps, signal: AbortSignal): Promise<Artifact> {
  using reply = await deps.fetch(url, { headers: { range: 'bytes=0-0' }, signal })
  const path = fileNameOf(url)
  const sha256Prefix = hashPrefixOf(path)
  const sizeBytes = totalBytes(reply)
  const validator = validatorOf(reply.headers)
  return {
    key: formatKey({
      url: publicUrl(url),
      ...(sha256Prefix !== undefined && { sha256Prefix }),
      ...(validator !== undefined && { validator }),
    }),
    path,
    kind: 'file',
    ...(sizeBytes !== undefined && { sizeBytes }),
    ...(sha256Prefix !== undefined && { sha256Prefix }),
  }
}

function unhashed(file: string): string {
  return `The name of ${file} holds no hash: nobody can tell whether it is what its authors published.`
}
