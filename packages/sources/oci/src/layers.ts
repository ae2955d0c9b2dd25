import { type Artifact, checkPackagePath } from '@soma/spec'
import { notAModel, unknownLayer, unsupportedCompression } from './errors.ts'
import type { Descriptor, OciManifest } from './manifest.ts'
import { CHUNKS_TYPE, EMPTY_TYPE, PATH_ANNOTATIONS, UNPACK } from './media-types.ts'

/** A layer as a file of the package, or an archive of such files. */
export interface LayerFile {
  readonly layer: Descriptor
  readonly path: string
  readonly kind: Artifact['kind']
}

/** `application/vnd.cncf.model.weight.v1.tar+gzip`, and KitOps’ `application/vnd.kitops.modelkit.model.v1.tar+gzip`. */
const PACKED = /^application\/vnd\.(?:(?:cncf|cnai)\.model|kitops\.modelkit)\.[a-z.]+\.v1\.(raw|tar)(?:\+([a-z]+))?$/
/** Layers of container images; ORAS gives them to files and folders too, with a title. */
const IMAGE_LAYER = /^application\/vnd\.(?:oci|docker)\.image\.(?:layer|rootfs)\./
const IMAGE_CONFIG = ['application/vnd.oci.image.config.v1+json', 'application/vnd.docker.container.image.v1+json']

/** What Docker Model Runner's layers are called when they carry no name; `#` is the number of a shard. */
const dockerNames: Readonly<Record<string, string>> = {
  'application/vnd.docker.ai.gguf.v3': 'model#.gguf',
  'application/vnd.docker.ai.gguf.v3.lora': 'adapter#.gguf',
  'application/vnd.docker.ai.gguf.v3.mmproj': 'mmproj#.gguf',
  'application/vnd.docker.ai.mmproj': 'mmproj#.gguf',
  'application/vnd.docker.ai.safetensors': 'model#.safetensors',
  'application/vnd.docker.ai.dduf': 'model#.dduf',
  'application/vnd.docker.ai.license': 'LICENSE#',
  'application/vnd.docker.ai.chat.template.jinja': 'chat_template#.jinja',
}
const dockerArchives = ['application/vnd.docker.ai.vllm.config.tar', 'application/vnd.docker.ai.dir.tar']

/**
 * Which file or archive each layer is.
 * @throws {SomaError} `source/unsupported` for what is no model artifact; `package/unsafe-path`.
 */
export function layerFiles(manifest: OciManifest, reference: string): LayerFile[] {
  const layers = manifest.layers.filter(({ mediaType }) => mediaType !== CHUNKS_TYPE && mediaType !== EMPTY_TYPE)
  if (IMAGE_CONFIG.includes(manifest.config.mediaType) && layers.every((layer) => titleOf(layer) === undefined))
    throw notAModel(reference, 'is a container image, not a model')
  if (layers.length === 0) throw notAModel(reference, 'has no files')
  return layers.map((layer, index) => ({ layer, ...describe(layer, { index, layers, reference }) }))
}

interface Place {
  readonly index: number
  readonly layers: readonly Descriptor[]
  readonly reference: string
}

function describe(layer: Descriptor, place: Place): Omit<LayerFile, 'layer'> {
  const title = titleOf(layer)
  const packed = archiveOf(layer, place.reference)
  if (packed !== undefined) return { path: `${place.index + 1}-${lastPart(title ?? 'layer')}.${packed}`, kind: packed }
  const path = title ?? dockerName(layer, place.layers)
  if (path === undefined) throw unknownLayer(place.reference, layer.mediaType)
  return { path: checkPackagePath(path), kind: 'file' }
}

/** How a layer is packed; undefined for one that is a file as it is. */
function archiveOf(layer: Descriptor, reference: string): 'tar' | 'tar.gz' | undefined {
  const { mediaType, annotations } = layer
  const [, form, compression] = PACKED.exec(mediaType) ?? []
  if (form === 'raw') return undefined
  if (form === 'tar') return compressionOf(compression, layer, reference)
  if (dockerArchives.includes(mediaType)) return 'tar'
  // ORAS packs folders as gzip whatever type it gives them.
  if (annotations?.[UNPACK] === 'true') return 'tar.gz'
  if (!IMAGE_LAYER.test(mediaType)) return undefined
  const packing = /[+.](gzip|zstd)$/.exec(mediaType)?.[1]
  // It gives the plain tar type to files that have none, and its Python client leaves the mark away from folders.
  return titleOf(layer) !== undefined && packing === undefined ? undefined : compressionOf(packing, layer, reference)
}

function compressionOf(compression: string | undefined, { mediaType }: Descriptor, reference: string): 'tar' | 'tar.gz' {
  if (compression === undefined) return 'tar'
  if (compression === 'gzip') return 'tar.gz'
  throw unsupportedCompression(reference, mediaType)
}

/** Shards are numbered in the order of the layers, as the specification says. */
function dockerName(layer: Descriptor, layers: readonly Descriptor[]): string | undefined {
  const name = dockerNames[layer.mediaType]
  if (name === undefined) return undefined
  const alike = layers.filter((other) => dockerNames[other.mediaType] === name && titleOf(other) === undefined)
  if (alike.length === 1) return name.replace('#', '')
  const number = (value: number): string => String(value).padStart(5, '0')
  return name.replace('#', `-${number(alike.indexOf(layer) + 1)}-of-${number(alike.length)}`)
}

function titleOf({ annotations }: Descriptor): string | undefined {
  return PATH_ANNOTATIONS.map((name) => annotations?.[name]).find((path) => path !== undefined && path !== '')
}

function lastPart(path: string): string {
  return path.replaceAll(/^.*[/\\]|[^\w.-]/g, '') || 'layer'
}
