import { join } from 'node:path'
import { type SourceDeps, addressSetting } from '@soma/spec'
import type { OllamaReference } from './reference.ts'

type Env = SourceDeps['env']

const DEFAULT_REGISTRY = 'https://registry.ollama.ai'

/**
 * The address of a repository in its registry, without a slash at the end. `SOMA_OLLAMA_REGISTRY` replaces the default registry;
 * `OLLAMA_HOST` does not, as it names the server that runs models. A registry on this machine is spoken to by http.
 * @throws {SomaError} `config/invalid`.
 */
export function repositoryUrl({ host, namespace, name }: Pick<OllamaReference, 'host' | 'namespace' | 'name'>, env: Env): string {
  return `${host === undefined ? addressSetting(env, 'SOMA_OLLAMA_REGISTRY', DEFAULT_REGISTRY) : registryAt(host)}/v2/${namespace}/${name}`
}

function registryAt(host: string): string {
  const local = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/.test(host)
  return `${local ? 'http' : 'https'}://${host}`
}

/** Where Ollama keeps its blobs on this machine: `OLLAMA_MODELS`, the user's own, and that of the system's service. */
export function blobFolders(env: Env): string[] {
  const stores = [env['OLLAMA_MODELS'], env['HOME'] && join(env['HOME'], '.ollama/models'), '/usr/share/ollama/.ollama/models']
  return stores.flatMap((store) => (store ? [join(store, 'blobs')] : []))
}
