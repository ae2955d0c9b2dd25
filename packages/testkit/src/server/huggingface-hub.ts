import { createHash } from 'node:crypto'
import type { Served, ServedFile, ServedRequest } from './served-file.ts'

export interface HubModel {
  /** Of each commit the files; the keys are 40 hex digits. A `Buffer` is an LFS file, a string a plain git file. */
  readonly commits: Readonly<Record<string, Readonly<Record<string, Uint8Array | string>>>>
  /** Branches and their commits; the first one is the default. */
  readonly branches: Readonly<Record<string, string>>
  readonly tags?: Readonly<Record<string, string>>
  /** More of the model's info: `cardData`, `tags`, `pipeline_tag`, `downloads`, `disabled`. */
  readonly info?: Readonly<Record<string, unknown>>
  /** Terms must be accepted; `hubMembers` have. */
  readonly gated?: boolean
  readonly private?: boolean
  /** What the model was called before. */
  readonly formerNames?: readonly string[]
}

export interface HubOptions {
  /** The Authorization headers that may see gated and private models. */
  readonly members?: readonly string[]
  /** Entries of a page of the tree. The real hub has 1,000. */
  readonly pageSize?: number
  /** Origin that the links to further pages name; the server's own by default. */
  readonly linked?: string
  /** Origin that large files are redirected to, with their sha256 as path. */
  readonly cdn?: string
}

/** The whole of a hub that speaks the API of huggingface.co, for the path `*` of a faulty server. */
export function huggingFaceHub(models: Readonly<Record<string, HubModel>>, options: HubOptions = {}): Served {
  return (request) => {
    const query = new URLSearchParams(request.query)
    if (request.path === '/api/models') return json(search(models, query))
    const api = /^\/api\/models\/([^/]+(?:\/[^/]+)?)\/(revision|tree|refs|auth-check)(?:\/(.+))?$/.exec(request.path)
    const file = /^\/([^/]+(?:\/[^/]+)?)\/resolve\/([0-9a-f]{40}|[^/]+)\/(.+)$/.exec(request.path)
    const name = (api ?? file)?.[1] ?? ''
    const renamed = Object.entries(models).find(([, { formerNames = [] }]) => formerNames.includes(name))?.[0]
    if (renamed !== undefined) return { status: 307, body: '', headers: { location: request.path.replace(name, renamed) } }
    const model = models[name]
    if (model === undefined || hidden(model, request, options)) return noRepository(request)
    const at = { name, model, request, options, query }
    if (api) return answer(at, api[2] ?? '', api[3] ?? '')
    return file ? content(at, file[2] ?? '', file[3] ?? '') : refusal(404, 'EntryNotFound', 'no such page')
  }
}

interface At {
  readonly name: string
  readonly model: HubModel
  readonly request: ServedRequest
  readonly options: HubOptions
  readonly query: URLSearchParams
}

function answer(at: At, what: string, revision: string): ServedFile {
  if (what === 'refs') return json(refs(at.model))
  if (what === 'auth-check') return gate(at) ?? json({})
  const sha = commitOf(at.model, revision)
  if (sha === undefined) return refusal(404, 'RevisionNotFound', `Invalid rev id: ${revision}`)
  return what === 'tree' ? tree(at, sha) : json(infoOf(at.name, at.model, sha))
}

function infoOf(name: string, { gated = false, private: hiddenOne = false, info = {} }: HubModel, sha: string): object {
  const fixed = { _id: '621ffdc036468d709f174338', id: name, private: hiddenOne, gated: gated ? 'manual' : false, disabled: false, sha }
  return { ...fixed, downloads: 10, likes: 2, lastModified: '2024-02-19T11:06:12.000Z', tags: [], ...info }
}

/** Pages are linked as the hub does it: an absolute `Link` with a cursor. */
function tree({ name, model, request, options: { pageSize = 1000, linked = request.origin }, query }: At, sha: string): ServedFile {
  const entries = Object.entries(model.commits[sha] ?? {}).map(([path, bytes]) => entryOf(path, bytes))
  const begin = Number(query.get('cursor') ?? 0)
  const next = `${linked}/api/models/${name}/tree/${sha}?recursive=true&expand=false&cursor=${begin + pageSize}`
  const headers = begin + pageSize < entries.length ? { link: `<${next}>; rel="next"` } : {}
  return { ...json(entries.slice(begin, begin + pageSize)), headers }
}

function entryOf(path: string, bytes: Uint8Array | string): object {
  if (typeof bytes === 'string') return { type: 'file', oid: gitOid(bytes), size: Buffer.byteLength(bytes), path }
  const lfs = { oid: sha256(bytes), size: bytes.byteLength, pointerSize: 134 }
  return { type: 'file', oid: gitOid(`pointer to ${lfs.oid}`), size: bytes.byteLength, lfs, path }
}

function refs({ branches, tags = {} }: HubModel): object {
  const list = (kind: string, named: Readonly<Record<string, string>>) =>
    Object.entries(named).map(([name, targetCommit]) => ({ name, ref: `refs/${kind}/${name}`, targetCommit }))
  return { branches: list('heads', branches), converts: [], tags: list('tags', tags) }
}

function content(at: At, revision: string, path: string): ServedFile {
  const refused = gate(at)
  if (refused) return refused
  const sha = commitOf(at.model, revision)
  if (sha === undefined) return refusal(404, 'RevisionNotFound', `Invalid rev id: ${revision}`)
  const bytes = at.model.commits[sha]?.[path]
  if (bytes === undefined) return refusal(404, 'EntryNotFound', 'Entry not found')
  if (typeof bytes === 'string') return { body: bytes, etag: `"${gitOid(bytes)}"`, headers: { 'x-repo-commit': sha } }
  const linked = { 'x-repo-commit': sha, 'x-linked-size': String(bytes.byteLength), 'x-linked-etag': `"${sha256(bytes)}"` }
  if (at.options.cdn === undefined) return { body: bytes, etag: `"${sha256(bytes)}"`, headers: linked }
  return { status: 302, body: '', headers: { ...linked, location: `${at.options.cdn}/${sha256(bytes)}` } }
}

/** A token makes no difference to the code, only to the status. */
function gate({ name, model, request, options }: At): ServedFile | undefined {
  const { authorization } = request.headers
  if (!model.gated || options.members?.includes(authorization ?? '')) return undefined
  return refusal(authorization === undefined ? 401 : 403, 'GatedRepo', `Access to model ${name} is restricted.`)
}

function hidden(model: HubModel, { headers }: ServedRequest, { members = [] }: HubOptions): boolean {
  return model.private === true && !members.includes(headers['authorization'] ?? '')
}

/** Strangers are told nothing of what is there and what is not. */
function noRepository({ headers }: ServedRequest): ServedFile {
  const stranger = headers['authorization'] === undefined
  return stranger ? refusal(401, 'RepoNotFound', 'Invalid username or password.') : refusal(404, 'RepoNotFound', 'Repository not found')
}

function search(models: Readonly<Record<string, HubModel>>, query: URLSearchParams): object[] {
  const wanted = (query.get('search') ?? '').toLowerCase()
  return Object.entries(models)
    .filter(([name, model]) => name.toLowerCase().includes(wanted) && model.private !== true)
    .slice(0, Number(query.get('limit')))
    .map(([name, model]) => infoOf(name, model, Object.keys(model.commits)[0] ?? ''))
}

function commitOf({ branches, tags = {}, commits }: HubModel, revision: string): string | undefined {
  const sha = revision === 'HEAD' ? Object.values(branches)[0] : (branches[revision] ?? tags[revision] ?? revision)
  return sha !== undefined && commits[sha] !== undefined ? sha : undefined
}

function refusal(status: number, code: string, message: string): ServedFile {
  return { ...json({ error: message }), status, headers: { 'x-error-code': code, 'x-error-message': message } }
}

function json(value: unknown): ServedFile {
  return { contentType: 'application/json; charset=utf-8', body: JSON.stringify(value) }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** As `git hash-object`. */
export function gitOid(text: string): string {
  return createHash('sha1')
    .update(`blob ${Buffer.byteLength(text)}\0${text}`)
    .digest('hex')
}
