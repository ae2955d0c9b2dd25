import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type Artifact, type Resolution, type SourceDeps, licenceOfText, modelNameOf } from '@soma/spec'
import { noModelLayer } from './errors.ts'
import { type LayerFile, layerFiles, layerKind } from './files.ts'
import { formatKey } from './key.ts'
import { type OllamaBlob, type RegistryQuery, fetchConfig, fetchLicence, fetchManifest } from './manifest.ts'
import { blobFolders, repositoryUrl } from './options.ts'
import { packageManifest, taskOf } from './package-manifest.ts'
import { type OllamaReference, formatOllamaReference, modelOf, parseOllamaReference } from './reference.ts'

/** Hex digits of the manifest's digest that stand for a version: the ID that `ollama list` shows. */
const VERSION_LENGTH = 12
const CONFIG_FILE_NAME = 'config.ollama.json'

/** Pins a tag to its manifest; the layers are the files. */
export async function resolveOllama(name: string, deps: SourceDeps, signal: AbortSignal): Promise<Resolution> {
  const asked = parseOllamaReference(name)
  const query = { fetch: deps.fetch, url: repositoryUrl(asked, deps.env), reference: asked, signal }
  const manifest = await fetchManifest(query)
  const reference = { ...asked, digest: manifest.digest }
  const config = await fetchConfig(query, manifest.config)
  const files = layerFiles(manifest.layers)
  if (!manifest.layers.some((layer) => layerKind(layer) === 'model')) throw noModelLayer(modelOf(asked), config.remote_host !== undefined)
  const version = manifest.digest.slice('sha256:'.length).slice(0, VERSION_LENGTH)
  const licence = await licenceOfLayers(files, query)
  const everything = [...files, { path: CONFIG_FILE_NAME, blob: manifest.config }]
  const described = { reference, version, config, files: everything, ...(licence !== undefined && { licence }) }
  return {
    reference: formatOllamaReference(reference),
    suggestedName: suggestedName(asked),
    version,
    task: taskOf(config),
    ...(licence !== undefined && { licence }),
    ...(asked.host === undefined && { homepage: homepageOf(asked) }),
    artifacts: [...(await artifactsOf(everything, reference, deps)), packageManifest(described)],
  }
}

/** `llama3.2`, and with a tag of its own `llama3.2-1b`. */
function suggestedName({ name, tag }: OllamaReference): string {
  return modelNameOf(tag === 'latest' ? name : `${name}-${tag}`)
}

function homepageOf({ namespace, name }: OllamaReference): string {
  return `https://ollama.com/${namespace}/${name}`
}

async function licenceOfLayers(files: readonly LayerFile[], query: RegistryQuery): Promise<string | undefined> {
  const layer = files.find(({ blob }) => layerKind(blob) === 'license')
  const text = layer && (await fetchLicence(query, layer.blob))
  return text === undefined ? undefined : licenceOfText(text)
}

/** Largest first: the whole takes as long as its largest layer. */
async function artifactsOf(files: readonly LayerFile[], reference: OllamaReference, { env }: SourceDeps): Promise<Artifact[]> {
  const folders = blobFolders(env)
  const artifacts: Artifact[] = []
  for (const { path, blob } of files.toSorted((a, b) => b.blob.size - a.blob.size)) {
    const localPath = await findLocal(folders, blob)
    const { host, namespace, name } = reference
    artifacts.push({
      key: formatKey({ namespace, name, digest: blob.digest, ...(host !== undefined && { host }) }),
      path,
      kind: 'file',
      sizeBytes: blob.size,
      integrity: { algorithm: 'sha256', digest: blob.digest.slice('sha256:'.length) },
      ...(localPath !== undefined && { localPath, localImmutable: true }),
    })
  }
  return artifacts
}

/** What an Ollama on this machine has pulled already. The installer checks its hash. */
async function findLocal(folders: readonly string[], { digest, size }: OllamaBlob): Promise<string | undefined> {
  for (const folder of folders) {
    const path = join(folder, digest.replace(':', '-'))
    const stats = await stat(path).catch(() => undefined)
    if (stats?.isFile() && stats.size === size) return path
  }
  return undefined
}
