import { type Log, isSomaError } from '@soma/core'
import { type Artifact, type Resolution, type SourceDeps, modelNameOf, publicUrl } from '@soma/spec'
import { badAnswer, noSuchPackage, noSuchVersion } from './errors.ts'
import { parseIntegrity } from './integrity.ts'
import { formatKey } from './key.ts'
import { type NpmOptions, loadNpmOptions, registryFor } from './options.ts'
import { type Manifest, type Packument, PickedVersion, type RegistryQuery, fetchManifest, fetchPackument } from './packument.ts'
import { type NpmReference, parseNpmReference } from './reference.ts'
import { tarballUrl } from './tarball-url.ts'

/** Picks the version as npm would, and pins it with its tarball and hash. */
export async function resolveNpm(name: string, deps: SourceDeps, signal: AbortSignal): Promise<Resolution> {
  const reference = await parseNpmReference(name)
  const options = await loadNpmOptions(deps.env)
  const query = await queryFor(reference, { options, fetch: deps.fetch, signal })
  const picked = await pickVersion(await indexOf(reference, query), reference, query)
  warnIfDeprecated(picked, reference, deps.log)
  const { license, description, homepage } = await describe(query, picked.version)
  return {
    reference: `npm/${reference.name}@${picked.version}`,
    suggestedName: modelNameOf(reference.name.replace(/^@[^/]*\//, '')),
    version: picked.version,
    ...(license !== undefined && { licence: license }),
    ...(description !== undefined && { description }),
    ...(homepage !== undefined && { homepage }),
    artifacts: [artifactOf(reference, picked, query)],
  }
}

async function queryFor(
  { spec, escapedName }: NpmReference,
  rest: Pick<RegistryQuery, 'fetch' | 'signal'> & { readonly options: NpmOptions },
): Promise<RegistryQuery> {
  return { ...rest, registry: await registryFor(spec, rest.options), escapedName }
}

async function indexOf({ name }: NpmReference, query: RegistryQuery): Promise<Packument> {
  try {
    return await fetchPackument(query)
  } catch (thrown) {
    throw isSomaError(thrown, 'source/not-found') ? noSuchPackage(name, publicUrl(query.registry), thrown) : thrown
  }
}

async function pickVersion(packument: Packument, { name, wanted }: NpmReference, query: RegistryQuery): Promise<PickedVersion> {
  const { default: pickManifest } = await import('npm-pick-manifest')
  const { tag, before } = query.options
  // No Node version: what a package runs on does not matter for the files in it.
  const options = { defaultTag: tag ?? 'latest', before, nodeVersion: null }
  const picked = attempt(() => pickManifest(packument, wanted, options))
  if (picked === undefined) throw noSuchVersion(name, wanted, packument)
  const parsed = PickedVersion.safeParse(picked)
  if (!parsed.success) throw badAnswer(publicUrl(query.registry + query.escapedName), 'a usable version', parsed.error)
  return parsed.data
}

/** npm's library throws for every version that is not there: none, filtered out by date, forbidden. */
function attempt<T>(pick: () => T): T | undefined {
  try {
    return pick()
  } catch {
    return undefined
  }
}

function warnIfDeprecated({ version, deprecated }: PickedVersion, { name }: NpmReference, log: Log): void {
  if (deprecated === undefined || deprecated === false || deprecated === '') return
  const reason = deprecated === true ? 'no reason given' : deprecated
  log.warn('this version is deprecated by its author', { reference: `npm/${name}@${version}`, reason })
}

/** Not every registry serves single versions; the model then has no licence and description, but its bytes are the same. */
async function describe(query: RegistryQuery, version: string): Promise<Manifest> {
  try {
    return await fetchManifest(query, version)
  } catch (thrown) {
    if (isSomaError(thrown) && !thrown.retryable && thrown.code !== 'call/cancelled') return {}
    throw thrown
  }
}

function artifactOf({ name }: NpmReference, { version, dist }: PickedVersion, query: RegistryQuery): Artifact {
  const integrity = parseIntegrity(dist.integrity, dist.shasum)
  const url = tarballUrl(dist.tarball, query)
  return {
    key: formatKey({ url: publicUrl(url), name, ...(integrity && { integrity }) }),
    path: `${name.replace(/^@/, '').replace('/', '-')}-${version}.tgz`,
    kind: 'tar.gz',
    stripComponents: 1,
    ...(integrity && { integrity }),
  }
}
