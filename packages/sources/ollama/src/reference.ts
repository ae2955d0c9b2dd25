import { NAME_LENGTH_MAX } from '@soma/core'
import { invalidReference } from './errors.ts'

/** A model of a registry that Ollama pulls from. */
export interface OllamaReference {
  /** Absent for the default registry. */
  readonly host?: string
  readonly namespace: string
  readonly name: string
  readonly tag: string
  /** Of the manifest: `sha256:` and 64 hex digits. */
  readonly digest?: string
}

const host = /^(\[[0-9a-f:]+\]|[a-z0-9]([a-z0-9.-]*[a-z0-9])?)(:\d{1,5})?$/i
const part = /^(?!.*\.\.)[a-z0-9_][a-z0-9_.-]{0,79}$/i
const DEFAULT_NAMESPACE = 'library'
const DEFAULT_TAG = 'latest'
const DEFAULT_HOSTS = ['registry.ollama.ai', 'ollama.com']

/** @throws {SomaError} `source/invalid-reference`. */
export function parseOllamaReference(text: string): OllamaReference {
  if (text.length > NAME_LENGTH_MAX) throw invalidReference(text, 'it is too long')
  const [named = '', digest, ...more] = text.split('@')
  if (more.length > 0 || (digest !== undefined && !/^sha256:[0-9a-f]{64}$/.test(digest)))
    throw invalidReference(text, 'after @ the manifest’s digest is expected, sha256: and 64 hex digits')
  const parts = named.split('/')
  const [name = '', ...tags] = (parts.pop() ?? '').split(':')
  const tag = tags.length === 0 ? DEFAULT_TAG : tags.join(':')
  const namespace = parts.pop() ?? DEFAULT_NAMESPACE
  const registry = parts.pop()
  const wellFormed =
    parts.length === 0 && [namespace, name, tag].every((one) => part.test(one)) && (registry === undefined || host.test(registry))
  if (!wellFormed) throw invalidReference(text, `${JSON.stringify(named)} is no name of a model`)
  const own = registry === undefined || DEFAULT_HOSTS.includes(registry.toLowerCase())
  return { namespace, name, tag, ...(!own && { host: registry.toLowerCase() }), ...(digest !== undefined && { digest }) }
}

/** The reference again, as short as Ollama writes it. */
export function formatOllamaReference(reference: OllamaReference): string {
  const { tag, digest } = reference
  return `ollama/${modelOf(reference)}:${tag}${digest === undefined ? '' : `@${digest}`}`
}

/** `llama3.2`, `maker/model`, `host/maker/model`. */
export function modelOf({ host: registry, namespace, name }: OllamaReference): string {
  if (registry !== undefined) return `${registry}/${namespace}/${name}`
  return namespace === DEFAULT_NAMESPACE ? name : `${namespace}/${name}`
}
