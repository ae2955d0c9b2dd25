import { SomaError, throwIfAborted } from '@soma/core'
import type { OutgoingPackage, PublishOptions, Published, Source, SourceDeps } from '@soma/spec'
import type { Authorizer } from './authorize.ts'
import { CHUNKS_FILE_NAME, formatChunks } from './chunks.ts'
import { MANIFEST_BYTES_MAX } from './limits.ts'
import { digestOf } from './manifest.ts'
import { CHUNKS_TYPE, FILEPATH, MANIFEST_TYPES, MODEL_CONFIG_TYPE, MODEL_MANIFEST_TYPE, TITLE, rawLayerType } from './media-types.ts'
import { type OciReference, formatPinned, parseOciReference } from './reference.ts'
import { invalidReference } from './errors.ts'
import { Repository } from './registry.ts'
import { type OutgoingBlob, Uploader, type UploadSizes } from './upload.ts'

interface Layer {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
  readonly annotations: Readonly<Record<string, string>>
}

/** The source's `publish`: blobs first, the manifest last, so that a tag never names something half there. */
export function createPublisher(deps: SourceDeps, authorizer: Authorizer, sizes?: UploadSizes): NonNullable<Source['publish']> {
  const uploader = new Uploader(sizes)
  return async (pkg, name, options) => {
    throwIfAborted(options.signal)
    const reference = targetOf(name)
    const repository = new Repository(reference, 'pull,push', { source: deps, authorizer })
    const send = (blob: OutgoingBlob): Promise<void> => sendBlob(blob, { repository, uploader, options })
    const layers = await sendLayers(pkg, send)
    const config = bytesOf(configOf(pkg, layers))
    await send(inMemory('the config', config))
    return putManifest(manifestOf(pkg, layers, config), { reference, repository, signal: options.signal })
  }
}

function targetOf(name: string): OciReference {
  const reference = parseOciReference(name)
  if (reference.digest !== undefined) throw invalidReference('a package is published under a tag, not under a digest')
  return reference
}

async function sendLayers(pkg: OutgoingPackage, send: (blob: OutgoingBlob) => Promise<void>): Promise<Layer[]> {
  const layers: Layer[] = []
  for (const file of pkg.files) {
    const { path, digest, sizeBytes } = file
    await send({ what: path, digest, sizeBytes, open: (begin) => file.open(begin) })
    layers.push({ mediaType: rawLayerType(kindOf(path)), digest, size: sizeBytes, annotations: { [FILEPATH]: path, [TITLE]: path } })
  }
  const chunks = formatChunks(pkg.files)
  if (chunks === undefined) return layers
  const blob = inMemory(CHUNKS_FILE_NAME, chunks)
  await send(blob)
  const annotations = { [FILEPATH]: CHUNKS_FILE_NAME, [TITLE]: CHUNKS_FILE_NAME }
  return [...layers, { mediaType: CHUNKS_TYPE, digest: blob.digest, size: blob.sizeBytes, annotations }]
}

async function sendBlob(
  blob: OutgoingBlob,
  { repository, uploader, options }: { repository: Repository; uploader: Uploader; options: PublishOptions },
): Promise<void> {
  const { what: path, digest, sizeBytes } = blob
  const report = (sentBytes: number, skipped: boolean): void => options.progress({ path, sentBytes, sizeBytes, skipped })
  if (await repository.hasBlob(digest, options.signal)) return report(0, true)
  await uploader.upload(blob, repository, { signal: options.signal, sent: (sentBytes) => report(sentBytes, false) })
}

/** Without a date: publishing the same package again gives the same digest. */
function configOf({ name, version, licence, description, format }: OutgoingPackage, layers: readonly Layer[]): object {
  return {
    descriptor: { name, version, ...(licence !== undefined && { licenses: [licence] }), ...(description !== undefined && { description }) },
    config: { format },
    modelfs: { type: 'layers', diffIds: layers.map(({ digest }) => digest) },
  }
}

function manifestOf({ name, version, licence, description }: OutgoingPackage, layers: readonly Layer[], config: Uint8Array): object {
  const described = { title: name, version, licenses: licence, description }
  const annotations = Object.entries(described).flatMap(([key, value]) =>
    value === undefined ? [] : [[`org.opencontainers.image.${key}`, value]],
  )
  return {
    schemaVersion: 2,
    mediaType: MANIFEST_TYPES[0],
    artifactType: MODEL_MANIFEST_TYPE,
    config: { mediaType: MODEL_CONFIG_TYPE, digest: digestOf(config), size: config.byteLength },
    layers,
    annotations: Object.fromEntries(annotations) as object,
  }
}

async function putManifest(
  manifest: object,
  { reference, repository, signal }: { reference: OciReference; repository: Repository; signal: AbortSignal },
): Promise<Published> {
  const body = bytesOf(manifest)
  if (body.byteLength > MANIFEST_BYTES_MAX)
    throw new SomaError('call/too-large', `the package has too many files for one manifest of ${MANIFEST_BYTES_MAX} bytes`)
  const headers = { 'content-type': MANIFEST_TYPES[0] }
  const digest = digestOf(body)
  {
    using _ = await repository.fetch(`${repository.base}/manifests/${reference.tag}`, { method: 'PUT', headers, body, signal })
  }
  // What says yes to everything is no registry, and has nothing of the package.
  await repository.manifest(digest, signal)
  return { reference: `oci/${formatPinned(reference, digest)}`, digest }
}

const weights =
  /\.(gguf|ggml|safetensors|onnx|onnx_data|bin|pt|pth|ckpt|h5|keras|tflite|pb|npz|npy|msgpack|model|mlmodel|engine|dduf|data-\d+-of-\d+)$/i
const docs = /(^|\/)(readme|licen[cs]e|notice|copying|changelog|model_?card)[^/]*$|\.(md|rst|pdf)$/i

function kindOf(path: string): Parameters<typeof rawLayerType>[0] {
  if (docs.test(path)) return 'doc'
  if (weights.test(path)) return 'weight'
  return /\.(py|js|ts|sh|ipynb)$/i.test(path) ? 'code' : 'weight.config'
}

function inMemory(what: string, bytes: Uint8Array): OutgoingBlob {
  const open = async function* (begin: number): AsyncGenerator<Uint8Array> {
    yield bytes.subarray(begin)
  }
  return { what, digest: digestOf(bytes), sizeBytes: bytes.byteLength, open }
}

function bytesOf(document: object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(document))
}
