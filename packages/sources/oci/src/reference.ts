import { invalidReference } from './errors.ts'
import { REFERENCE_LENGTH_MAX } from './limits.ts'

/** A manifest of a registry. */
export interface OciReference {
  /** With its port, where it has one. */
  readonly host: string
  readonly repository: string
  readonly tag: string
  /** `sha256:…` or `sha512:…`; wins over the tag. */
  readonly digest?: string
}

const HOST = /^(\[[0-9a-f:.]+\]|[a-z0-9]([a-z0-9.-]*[a-z0-9])?)(:\d{1,5})?$/i
const REPOSITORY = /^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$/
const TAG = /^\w[\w.-]{0,127}$/
const DIGEST = /^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/

/** @throws {SomaError} `source/invalid-reference`. */
export function parseOciReference(text: string): OciReference {
  if (text.length > REFERENCE_LENGTH_MAX) throw invalidReference(`the reference is longer than ${REFERENCE_LENGTH_MAX} characters`)
  const [named = '', ...digests] = text.split('@')
  const slash = named.indexOf('/')
  const host = named.slice(0, Math.max(slash, 0)).toLowerCase()
  if (!isHost(host)) throw invalidReference(`${JSON.stringify(host || named)} is no registry’s host name`)
  const [repository = '', ...tags] = named.slice(slash + 1).split(':')
  if (!REPOSITORY.test(repository)) throw invalidReference(`${JSON.stringify(repository)} is no repository’s name`)
  const tag = tags.length === 0 ? 'latest' : tags.join(':')
  if (!TAG.test(tag)) throw invalidReference(`${JSON.stringify(tag)} is no tag`)
  const digest = digests.length === 0 ? undefined : digests.join('@')
  if (digest !== undefined && !isDigest(digest)) throw invalidReference(`${JSON.stringify(digest)} is no digest`)
  return { host, repository: inDockerHub(host, repository), tag, ...(digest !== undefined && { digest }) }
}

/** `host/repository@digest`: pinned, and the same whatever tag it was found by. */
export function formatPinned({ host, repository }: OciReference, digest: string): string {
  return `${host}/${repository}@${digest}`
}

export function isDigest(text: string): boolean {
  return DIGEST.test(text)
}

export function isTag(text: string): boolean {
  return TAG.test(text)
}

/** As for Docker: without a dot, a port or being `localhost` it is the first part of a name at some default registry. */
function isHost(text: string): boolean {
  return HOST.test(text) && (/[.:]/.test(text) || text === 'localhost') && URL.canParse(`https://${text}`)
}

/** Docker Hub keeps names without an owner under `library/`. */
function inDockerHub(host: string, repository: string): string {
  return isDockerHub(host) && !repository.includes('/') ? `library/${repository}` : repository
}

export function isDockerHub(host: string): boolean {
  return host === 'docker.io' || host === 'index.docker.io' || host === 'registry-1.docker.io'
}
