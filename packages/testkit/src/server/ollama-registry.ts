import { createHash } from 'node:crypto'
import type { ServedFile } from './served-file.ts'

export interface OllamaModel {
  /** Last part of `application/vnd.ollama.image.<kind>` and the bytes of the layer, in the manifest's order. */
  readonly layers: ReadonlyArray<readonly [kind: string, bytes: Uint8Array | string]>
  readonly config?: Readonly<Record<string, unknown>>
}

/** Files for `createFaultyServer` that look like `registry.ollama.ai`. `models`: `namespace/name:tag` → model. */
export function ollamaRegistry(
  models: Readonly<Record<string, OllamaModel>>,
  options: { readonly cdn?: string } = {},
): Record<string, ServedFile> {
  const served: Record<string, ServedFile> = {}
  for (const [reference, model] of Object.entries(models)) {
    const [name = '', tag = 'latest'] = reference.split(':')
    const manifest = ollamaManifest(model)
    served[`/v2/${name}/manifests/${tag}`] = { contentType: MANIFEST_TYPE, body: manifest }
    served[`/v2/${name}/blobs/${digestOf(manifest)}`] = { body: manifest }
    for (const bytes of [...model.layers.map(([, layer]) => layer), configOf(model)])
      served[`/v2/${name}/blobs/${digestOf(bytes)}`] = blobFile(bytes, options.cdn)
  }
  return served
}

const MANIFEST_TYPE = 'application/vnd.docker.distribution.manifest.v2+json'

/** As the registry sends it: compact JSON, config and layers by digest. */
export function ollamaManifest(model: OllamaModel): string {
  const blob = (mediaType: string, bytes: Uint8Array | string) => ({ mediaType, digest: digestOf(bytes), size: Buffer.byteLength(bytes) })
  return JSON.stringify({
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    config: blob('application/vnd.docker.container.image.v1+json', configOf(model)),
    layers: model.layers.map(([kind, bytes]) => blob(`application/vnd.ollama.image.${kind}`, bytes)),
  })
}

function configOf({ config, layers }: OllamaModel): string {
  const described = { model_format: 'gguf', model_family: 'llama', model_families: ['llama'], model_type: '8.0B', file_type: 'Q4_0' }
  const rootfs = { type: 'layers', diff_ids: layers.map(([, bytes]) => digestOf(bytes)) }
  return JSON.stringify({ ...described, architecture: 'amd64', os: 'linux', rootfs, ...config })
}

/** Large layers are redirected to an object store. */
function blobFile(bytes: Uint8Array | string, cdn: string | undefined): ServedFile {
  if (cdn === undefined || typeof bytes === 'string') return { body: bytes }
  return { status: 307, body: '', headers: { location: `${cdn}/${digestOf(bytes)}` } }
}

function digestOf(bytes: Uint8Array | string): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}
