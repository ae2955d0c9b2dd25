import { isSomaError } from '@soma/core'
import { MANIFEST_BYTES_MAX, type Resolution, type SourceDeps, fileStem, licenceOf, modelNameOf, readDocument } from '@soma/spec'
import { changedAtRegistry, notFound } from './errors.ts'
import { formatKey } from './key.ts'
import { VERSIONS_SHOWN } from './limits.ts'
import { type RegistryManifest, readRegistryManifest } from './manifest.ts'
import { type AxonOptions, loadAxonOptions, registryFetch } from './options.ts'
import { type AxonReference, formatAxonReference, parseAxonReference } from './reference.ts'
import { searchRegistry, versionOf } from './search.ts'

interface Query {
  readonly deps: SourceDeps
  readonly options: AxonOptions
  readonly signal: AbortSignal
}

/** Reads the version's manifest, and leads to the archive that it names. */
export async function resolveAxon(text: string, deps: SourceDeps, signal: AbortSignal): Promise<Resolution> {
  const reference = parseAxonReference(text)
  const query = { deps, signal, options: await loadAxonOptions(deps.env) }
  const manifest = await findManifest(reference, query)
  if (reference.sha256 !== undefined && reference.sha256 !== manifest.sha256) throw changedAtRegistry(reference, manifest.sha256)
  return describe(reference, manifest)
}

async function findManifest(reference: AxonReference, query: Query): Promise<RegistryManifest> {
  try {
    return await fetchManifest(reference, query)
  } catch (thrown) {
    if (!isSomaError(thrown, 'source/not-found')) throw thrown
    const versions = await versionsOf(reference, query)
    const newest = versions.at(-1)
    // Plain file servers have no `latest`.
    if (reference.version === 'latest' && newest !== undefined) return fetchManifest({ ...reference, version: newest }, query)
    throw notFound(reference, versions.slice(-VERSIONS_SHOWN), thrown)
  }
}

async function fetchManifest({ namespace, name, version }: AxonReference, { deps, options, signal }: Query): Promise<RegistryManifest> {
  const { href } = new URL(`api/v1/models/${namespace}/${name}/${version}/manifest.yaml`, options.registry)
  const reply = await registryFetch(deps.fetch, options)(href, { signal })
  return readRegistryManifest(await readDocument(reply, MANIFEST_BYTES_MAX), href, options.registry)
}

/** The versions that a search names, oldest first. None when it fails: it only helps. */
async function versionsOf({ namespace, name }: AxonReference, { deps, options, signal }: Query): Promise<string[]> {
  const last = name.replace(/^.*\//, '')
  const found = await searchRegistry(last, { options, fetch: deps.fetch, signal }).catch(() => [])
  const versions = found.filter((model) => model.namespace === namespace && model.name === name).flatMap((model) => versionOf(model) ?? [])
  const order = new Intl.Collator('en', { numeric: true })
  return [...new Set(versions)].sort(order.compare)
}

function describe(asked: AxonReference, manifest: RegistryManifest): Resolution {
  const { version, url, sizeBytes, sha256, description, homepage } = manifest
  const { namespace, name } = asked
  const reference = { namespace, name, version, ...(sha256 !== undefined && { sha256 }) }
  const licence = licenceOf(manifest.licence)
  const path = `${fileStem(new URL(url).pathname.replace(/^.*\//, '')) || 'package'}.axon`
  return {
    reference: formatAxonReference(reference),
    suggestedName: modelNameOf(name.replace(/^.*\//, '')),
    version,
    ...(licence !== undefined && { licence }),
    ...(description !== undefined && { description }),
    ...(homepage !== undefined && { homepage }),
    ...(sha256 === undefined && { warnings: ['the registry names no hash of the archive, so that its bytes cannot be checked'] }),
    artifacts: [
      {
        key: formatKey(url, sha256),
        path,
        kind: 'tar.gz',
        ...(sizeBytes !== undefined && { sizeBytes }),
        ...(sha256 !== undefined && { integrity: { algorithm: 'sha256' as const, digest: sha256 } }),
      },
    ],
  }
}
