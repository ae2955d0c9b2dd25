import type { Artifact } from '@soma/spec'
import { MANIFEST_FILE_NAME } from '@soma/spec'
import type { LayerFile } from './files.ts'
import { layerKind } from './files.ts'
import type { OllamaConfig } from './manifest.ts'
import { type OllamaReference, formatOllamaReference } from './reference.ts'

export interface Described {
  readonly reference: OllamaReference
  readonly version: string
  readonly config: OllamaConfig
  readonly files: readonly LayerFile[]
  readonly licence?: string
}

/** Families whose models turn text into vectors. */
const embedders = /^(nomic-)?bert|^(xlm-)?roberta|^t5encoder|embed/i

export function taskOf({ model_family: family = '', model_families: families }: OllamaConfig): string {
  return [family, ...(families ?? [])].some((one) => embedders.test(one)) ? 'feature-extraction' : 'text-generation'
}

/**
 * The package manifest: it says which file plays which role, and that the chat template is a Go template. JSON is YAML.
 * Its bytes are made from the pinned manifest alone, so that they are always the same.
 */
export function packageManifest(described: Described): Artifact {
  const text = `${JSON.stringify(manifestOf(described), undefined, 2)}\n`
  const { digest = '' } = described.reference
  const content = new TextEncoder().encode(text)
  return { key: `ollama:manifest#${digest}`, path: MANIFEST_FILE_NAME, kind: 'file', sizeBytes: content.byteLength, content }
}

function manifestOf({ reference, version, config, files, licence }: Described): object {
  const { model_family: family, file_type: quantisation, model_type: size } = config
  const chat = roles(files, { template: 'template', system: 'system', params: 'parameters', messages: 'messages' })
  return {
    apiVersion: 'soma/v1',
    kind: 'Model',
    metadata: { name: reference.name, namespace: reference.namespace, version, ...(licence !== undefined && { license: licence }) },
    spec: {
      framework: { name: 'llama.cpp' },
      format: {
        type: 'gguf',
        files: files.map(({ path, blob }) => ({ path, size: blob.size, sha256: blob.digest.slice('sha256:'.length) })),
        execution_files: paths(roles(files, { model: 'model', projector: 'projector', adapter: 'adapter' })),
      },
      tasks: [taskOf(config)],
      ...(Object.keys(chat).length > 0 && { chat: { dialect: 'go', ...chat } }),
      model: {
        ...(family !== undefined && { family }),
        ...(size !== undefined && { size }),
        ...(quantisation !== undefined && { quantisation }),
      },
      source: { reference: formatOllamaReference(reference) },
    },
  }
}

/** Role → path of the layers of some kinds; the second adapter plays the role `adapter_2`. */
function roles(files: readonly LayerFile[], names: Readonly<Record<string, string>>): Record<string, string> {
  const found: Record<string, string> = {}
  for (const { path, blob } of files) {
    const role = names[layerKind(blob)]
    if (role === undefined) continue
    const count = Object.keys(found).filter((one) => one.replace(/_\d+$/, '') === role).length
    found[count === 0 ? role : `${role}_${count + 1}`] = path
  }
  return found
}

function paths(found: Readonly<Record<string, string>>): Record<string, { path: string }> {
  return Object.fromEntries(Object.entries(found).map(([role, path]) => [role, { path }]))
}
