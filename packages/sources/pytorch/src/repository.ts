import { isSomaError } from '@soma/core'
import { type HttpFetch, readDocument } from '@soma/spec'
import { noSuchRef, noSuchRepository, notGit, tooMuchCode } from './errors.ts'
import { CODE_BYTES_MAX, CODE_FILES_MAX, REFS_BYTES_MAX } from './limits.ts'
import type { HubHosts } from './options.ts'
import { plainCode } from './python.ts'

export interface RepositoryQuery {
  readonly fetch: HttpFetch
  readonly hosts: HubHosts
  /** `owner/name`. */
  readonly repository: string
  readonly signal: AbortSignal
}

/** The commit of a branch or tag, by git's own protocol: it has no limit of requests, as GitHub's API has. */
export async function commitOf(query: RepositoryQuery, ref: string | undefined): Promise<string> {
  if (ref !== undefined && /^[0-9a-f]{40}$/.test(ref)) return ref
  const refs = await fetchRefs(query)
  const names = ref === undefined ? ['HEAD'] : [`refs/heads/${ref}`, `refs/tags/${ref}^{}`, `refs/tags/${ref}`, ref]
  const found = names.map((name) => refs.get(name)).find((commit) => commit !== undefined)
  if (found !== undefined) return found
  throw noSuchRef(query.repository, ref ?? 'HEAD', shortNames(refs))
}

/** Branches and tags as people write them; the newest tags first. */
function shortNames(refs: ReadonlyMap<string, string>): string[] {
  const named = (kind: string): string[] =>
    [...refs.keys()].flatMap((ref) => (ref.startsWith(kind) && !ref.endsWith('^{}') ? [ref.slice(kind.length)] : []))
  return [...named('refs/heads/').filter((name) => /^(main|master)$/.test(name)), ...named('refs/tags/').reverse()]
}

async function fetchRefs(query: RepositoryQuery): Promise<ReadonlyMap<string, string>> {
  const { fetch, hosts, repository, signal } = query
  const url = `${hosts.git}/${repository}.git/info/refs?service=git-upload-pack`
  try {
    const text = new TextDecoder().decode(await readDocument(await fetch(url, { signal }), REFS_BYTES_MAX))
    const refs = new Map(text.split('\n').flatMap(readRef))
    if (refs.size === 0) throw notGit(url)
    return refs
  } catch (thrown) {
    throw isHidden(thrown) ? noSuchRepository(repository, thrown) : thrown
  }
}

/** A line of a packet: its length in four hex digits, the commit and the name; the first one has the end of the header before it. */
function readRef(line: string): Array<[name: string, commit: string]> {
  const [, commit, name] = /^(?:0000)?[0-9a-f]{4}([0-9a-f]{40}) ([^\0]+)/.exec(line) ?? []
  return commit === undefined || name === undefined ? [] : [[name, commit]]
}

/** GitHub asks for a password where there is nothing, so that nobody learns what is private. */
function isHidden(thrown: unknown): boolean {
  const asked = isSomaError(thrown, 'source/unauthorized') && /github/i.test(String(thrown.details['challenge']))
  return asked || isSomaError(thrown, 'source/not-found')
}

/** Reads texts of one commit, each once, and not too many. */
export class CodeReader {
  readonly #query: RepositoryQuery & { readonly commit: string }
  readonly #read = new Map<string, Promise<string | undefined>>()

  constructor(query: RepositoryQuery & { readonly commit: string }) {
    this.#query = query
  }

  /** Code as `plainCode` gives it; undefined when there is no such file. */
  async code(path: string): Promise<string | undefined> {
    if (!this.#read.has(path) && this.#read.size >= CODE_FILES_MAX) throw tooMuchCode(this.#query.repository, CODE_FILES_MAX)
    const reading = this.#read.get(path) ?? this.text(path, CODE_BYTES_MAX)
    this.#read.set(path, reading)
    const text = await reading
    return text === undefined ? undefined : plainCode(text)
  }

  async text(path: string, sizeBytesMax: number): Promise<string | undefined> {
    const { fetch, hosts, repository, commit, signal } = this.#query
    try {
      const reply = await fetch(`${hosts.raw}/${repository}/${commit}/${path}`, { signal })
      return new TextDecoder().decode(await readDocument(reply, sizeBytesMax))
    } catch (thrown) {
      if (isSomaError(thrown, 'source/not-found')) return undefined
      throw thrown
    }
  }
}
