import { type Log, isSomaError, parseJson } from '@soma/core'
import { type Artifact, type Resolution, type SourceDeps, type VariantChoice, licenceOf, modelNameOf, nearestOf } from '@soma/spec'
import { z } from 'zod'
import type { Authorizer } from './authorize.ts'
import { type ChunksByDigest, chunksOf, parseChunks } from './chunks.ts'
import { notAModel, notFound } from './errors.ts'
import { formatKey } from './key.ts'
import { type LayerFile, layerFiles } from './layers.ts'
import { CHUNKS_BYTES_MAX, CONFIG_BYTES_MAX, INDEX_DEPTH_MAX, TAGS_SHOWN } from './limits.ts'
import { type OciIndex, type OciManifest, parseManifest } from './manifest.ts'
import { CHUNKS_TYPE, MODEL_CONFIG_TYPES } from './media-types.ts'
import { type OciReference, formatPinned, parseOciReference } from './reference.ts'
import { Repository } from './registry.ts'
import { chooseEntry } from './select.ts'

/** Hex digits of the digest that stand for a version where nothing else does. */
const DIGEST_VERSION_LENGTH = 12

interface Found {
  readonly manifest: OciManifest
  readonly digest: string
  readonly choice?: VariantChoice
}

/** Finds the manifest, through an index where there is one, and makes an artifact of each of its layers. */
export async function resolveOci(
  name: string,
  deps: SourceDeps,
  use: { authorizer: Authorizer; signal: AbortSignal },
): Promise<Resolution> {
  const reference = parseOciReference(name)
  const repository = new Repository(reference, 'pull', { source: deps, authorizer: use.authorizer })
  const { manifest, digest, choice } = await findManifest(reference, repository, use.signal)
  const pinned = formatPinned(reference, digest)
  const files = layerFiles(manifest, pinned)
  const chunks = await readChunks(manifest, repository, { log: deps.log, signal: use.signal })
  const described = await describe(manifest, repository, use.signal)
  return {
    reference: `oci/${pinned}`,
    suggestedName: modelNameOf(reference.repository.replace(/^.*\//, '')),
    version: digest.replace(/^[^:]*:/, '').slice(0, DIGEST_VERSION_LENGTH),
    ...described,
    ...(choice && { choice }),
    artifacts: artifactsOf(files, reference, chunks),
  }
}

async function findManifest(reference: OciReference, repository: Repository, signal: AbortSignal): Promise<Found> {
  let wanted = reference.digest ?? reference.tag
  let choice: VariantChoice | undefined
  for (let depth = 0; depth <= INDEX_DEPTH_MAX; depth++) {
    const { bytes, digest } = await repository.manifest(wanted, signal).catch(async (thrown: unknown) => {
      throw isSomaError(thrown, 'source/not-found') ? notFound(reference, await nearestTags(reference, repository, signal), thrown) : thrown
    })
    const read = parseManifest(bytes, `the manifest of ${repository.name}`)
    if ('manifest' in read) return { manifest: read.manifest, digest, ...(choice && { choice }) }
    const chosen = choose(read.index, reference)
    wanted = chosen.digest
    choice = chosen.choice ?? choice
  }
  throw notAModel(repository.name, `has more than ${INDEX_DEPTH_MAX} indexes inside each other`)
}

function choose(index: OciIndex, reference: OciReference): ReturnType<typeof chooseEntry> & {} {
  const chosen = chooseEntry(index, (digest) => `oci/${formatPinned(reference, digest)}`)
  if (chosen === undefined) throw notAModel(`${reference.host}/${reference.repository}`, 'is an index of nothing')
  return chosen
}

/** What the tag may be a slip of, else what there is. None when the registry tells none: this only helps an error. */
async function nearestTags({ tag, digest }: OciReference, repository: Repository, signal: AbortSignal): Promise<string[]> {
  const tags = await repository.tags(signal).catch(() => [])
  const near = digest === undefined ? nearestOf(tag, tags) : []
  return near.length > 0 ? near : tags.slice(0, TAGS_SHOWN)
}

/** Broken chunk hashes cost nothing but the finer check: each file has its own digest. */
async function readChunks(
  { layers }: OciManifest,
  repository: Repository,
  use: { log: Log; signal: AbortSignal },
): Promise<ChunksByDigest> {
  const layer = layers.find(({ mediaType }) => mediaType === CHUNKS_TYPE)
  if (layer === undefined) return new Map()
  const bytes = await repository.blob(layer, CHUNKS_BYTES_MAX, use.signal)
  try {
    return parseChunks(bytes)
  } catch (error) {
    use.log.warn('the list of chunk hashes is not one; files are checked whole', { repository: repository.name, error })
    return new Map()
  }
}

function artifactsOf(files: readonly LayerFile[], reference: OciReference, known: ChunksByDigest): Artifact[] {
  const keys = new Set<string>()
  return files.map(({ layer, path, kind }) => {
    const plain = formatKey(reference, layer.digest)
    // Two files with the same bytes are two artifacts.
    const key = keys.has(plain) ? `${plain}#${path}` : plain
    keys.add(plain)
    const [algorithm, digest] = layer.digest.split(':') as ['sha256' | 'sha512', string]
    const chunks = kind === 'file' ? chunksOf(known, layer.digest, layer.size) : undefined
    return { key, path, kind, sizeBytes: layer.size, integrity: { algorithm, digest }, ...(chunks && { chunks }) }
  })
}

const text = z.string().catch('').optional()
/** ModelPack's config, as far as it describes. */
const ModelConfig = z.looseObject({
  descriptor: z.looseObject({
    version: text,
    licenses: z.array(z.string()).catch([]).optional(),
    description: text,
    docURL: text,
    sourceURL: text,
  }),
})

type Described = Pick<Resolution, 'licence' | 'description' | 'homepage'> & { readonly version?: string }

/** Annotations say more than the config, which costs another request. */
async function describe(manifest: OciManifest, repository: Repository, signal: AbortSignal): Promise<Described> {
  const annotation = (name: string): string | undefined => manifest.annotations?.[`org.opencontainers.image.${name}`] || undefined
  const needed = annotation('licenses') === undefined && MODEL_CONFIG_TYPES.includes(manifest.config.mediaType)
  const config = needed
    ? ModelConfig.safeParse(parseJson(await repository.blob(manifest.config, CONFIG_BYTES_MAX, signal))).data
    : undefined
  const { descriptor } = config ?? {}
  const version = annotation('version') ?? (descriptor?.version || undefined)
  const licence = licenceOf(annotation('licenses') ?? descriptor?.licenses?.join(' AND '))
  const description = annotation('description') ?? (descriptor?.description || undefined)
  const homepage = annotation('url') ?? (descriptor?.docURL || descriptor?.sourceURL || undefined)
  return {
    ...(version !== undefined && { version }),
    ...(licence !== undefined && { licence }),
    ...(description !== undefined && { description }),
    ...(homepage !== undefined && { homepage }),
  }
}
