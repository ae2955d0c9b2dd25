import { isSomaError } from '@soma/core'
import { type Artifact, type Resolution, type SourceDeps, licenceOf, modelNameOf, nearestOf } from '@soma/spec'
import { KaggleApi, type ModelInstance } from './api.ts'
import { notFound } from './errors.ts'
import { formatKey } from './key.ts'
import { NAMES_SHOWN } from './limits.ts'
import { type KaggleReference, pageOf, parseKaggleReference, pathOf } from './reference.ts'

export async function resolveKaggle(text: string, deps: SourceDeps, signal: AbortSignal): Promise<Resolution> {
  const reference = parseKaggleReference(text)
  return resolveReference(reference, await KaggleApi.open(deps), signal)
}

/** Pins the version, the newest where none is named, and lists its files. */
export async function resolveReference(reference: KaggleReference, api: KaggleApi, signal: AbortSignal): Promise<Resolution> {
  const instance = await findInstance(reference, api, signal)
  const version = reference.version ?? instance.versionNumber
  const artifacts = await listArtifacts(reference, { api, version, newest: instance.versionNumber, signal })
  const licence = licenceOf(instance.licenseName)
  const description = instance.overview?.trim()
  return {
    reference: `kaggle/${pathOf(reference)}@${version}`,
    suggestedName: modelNameOf(nameOf(reference)),
    version: String(version),
    ...(licence !== undefined && { licence }),
    ...(description && { description }),
    homepage: pageOf(reference, api.options.endpoint),
    artifacts,
  }
}

/** `bert` and `base`: the model's name and the variation's, unless the one repeats the other. */
function nameOf({ model, variation }: KaggleReference): string {
  return variation === 'default' || variation === model || variation.startsWith(`${model}-`)
    ? variation.replace(/^default$/, model)
    : `${model}-${variation}`
}

async function findInstance(reference: KaggleReference, api: KaggleApi, signal: AbortSignal): Promise<ModelInstance> {
  return api.instance(reference, signal).catch(async (thrown: unknown) => {
    throw isSomaError(thrown, 'source/not-found') ? notFound(pathOf(reference), await variationsOf(reference, api, signal), thrown) : thrown
  })
}

/** What the model has instead, the most alike first. None when that is not told: it only helps an error. */
async function variationsOf(reference: KaggleReference, api: KaggleApi, signal: AbortSignal): Promise<string[]> {
  const model = await api.model(reference, signal).catch(() => undefined)
  const all = (model?.instances ?? []).flatMap((instance) => (instance ? [`${instance.framework}/${instance.slug}`] : []))
  const near = nearestOf(`${reference.framework}/${reference.variation}`, all)
  return near.length > 0 ? near : all.slice(0, NAMES_SHOWN)
}

interface Listing {
  readonly api: KaggleApi
  readonly version: number
  readonly newest: number
  readonly signal: AbortSignal
}

async function listArtifacts(reference: KaggleReference, { api, version, newest, signal }: Listing): Promise<Artifact[]> {
  const files = await api.files(reference, version, signal).catch((thrown: unknown) => {
    if (!isSomaError(thrown, 'source/not-found')) throw thrown
    throw notFound(`version ${version} of ${pathOf(reference)}`, [newest === 1 ? '1' : `1 to ${newest}`], thrown)
  })
  if (files === undefined) return [{ key: formatKey(reference, version), path: `${nameOf(reference)}-${version}.tar.gz`, kind: 'tar.gz' }]
  return files.map(({ name, size }) => {
    const path = name.replace(/^\/+/, '')
    return { key: formatKey(reference, version, path), path, kind: 'file', ...(size !== undefined && size > 0 && { sizeBytes: size }) }
  })
}
