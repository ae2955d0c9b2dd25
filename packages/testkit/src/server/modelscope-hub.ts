import { createHash } from 'node:crypto'
import type { Served, ServedFile, ServedRequest } from './served-file.ts'

export interface ModelScopeModel {
  /** Of each commit the files; the keys are 40 hex digits. */
  readonly commits: Readonly<Record<string, Readonly<Record<string, Uint8Array | string>>>>
  /** Branches and their commits. */
  readonly branches: Readonly<Record<string, string>>
  readonly tags?: Readonly<Record<string, string>>
  /** More of the model's info: `License`, `Tasks`, `Description`. */
  readonly info?: Readonly<Record<string, unknown>>
  /** Only who has this Authorization header may see it. */
  readonly member?: string
}

/** The whole of a hub that speaks the API of modelscope.cn, for the path `*` of a faulty server. */
export function modelScopeHub(models: Readonly<Record<string, ModelScopeModel>>, options: { readonly cdn?: string } = {}): Served {
  return (request) => {
    const query = new URLSearchParams(request.query)
    if (request.path === '/openapi/v1/models') return json(search(models, query))
    const [, name = '', what = ''] = /^\/api\/v1\/models\/([^/]+\/[^/]+)(?:\/(revisions|repo\/files|repo))?$/.exec(request.path) ?? []
    const model = models[name]
    if (model === undefined || hidden(model, request)) return failure(404, 10010205001, `Record ${name} not exist or permission denied`)
    if (what === '') return success({ Name: name.split('/')[1], Path: name.split('/')[0], ...model.info })
    if (what === 'revisions') return success({ RevisionMap: revisions(model) })
    const commit = commitOf(model, query.get('Revision') ?? 'master')
    if (what === 'repo/files') return success(files(model, commit))
    return content(model.commits[commit ?? '']?.[query.get('FilePath') ?? ''], options.cdn)
  }
}

/** An unknown revision is no failure: it has no files. */
function files({ commits }: ModelScopeModel, commit: string | undefined): object {
  if (commit === undefined) return { Files: null, IsVisual: 0, LatestCommitter: null }
  const names = Object.keys(commits)
  const listed = Object.entries(commits[commit] ?? {}).map(([path, bytes]) => {
    const since = names.find((name) => commits[name]?.[path] === bytes) ?? commit
    const blob = { CommittedDate: 1_700_000_000 + names.indexOf(since), IsLFS: typeof bytes !== 'string', Mode: '33188', Revision: since }
    return { ...blob, Name: path.split('/').at(-1), Path: path, Sha256: sha256(bytes), Size: Buffer.byteLength(bytes), Type: 'blob' }
  })
  const folders = [...new Set(listed.flatMap(({ Path }) => (Path.includes('/') ? [Path.slice(0, Path.lastIndexOf('/'))] : [])))]
  const trees = folders.map((path) => ({ Name: path, Path: path, Size: 0, Type: 'tree', Revision: commit, Sha256: '' }))
  return { Files: [...trees, ...listed], IsVisual: 0, LatestCommitter: { Id: '', ShortId: commit.slice(0, 8) } }
}

function revisions({ branches, tags = {} }: ModelScopeModel): object {
  const list = (named: Readonly<Record<string, string>>) => Object.keys(named).map((Revision) => ({ Revision, CreatedAt: 1_700_000_000 }))
  return { Branches: list(branches), Tags: list(tags) }
}

function content(bytes: Uint8Array | string | undefined, cdn: string | undefined): ServedFile {
  if (bytes === undefined) return failure(404, 10990101004, 'file not found')
  if (cdn === undefined || typeof bytes === 'string') return { body: bytes }
  return { status: 302, body: '', headers: { location: `${cdn}/${sha256(bytes)}` } }
}

function search(models: Readonly<Record<string, ModelScopeModel>>, query: URLSearchParams): object {
  const found = Object.entries(models)
    .filter(([name, { member }]) => name.includes(query.get('search') ?? '') && member === undefined)
    .slice(0, Number(query.get('page_size')))
    .map(([id]) => ({
      id,
      display_name: id,
      downloads: 7,
      likes: 1,
      license: 'apache-2.0',
      tasks: ['text-generation'],
      tags: ['library:gguf'],
    }))
  return { success: true, data: { models: found, total_count: found.length, page_number: 1, page_size: Number(query.get('page_size')) } }
}

function commitOf({ branches, tags = {}, commits }: ModelScopeModel, revision: string): string | undefined {
  const commit =
    branches[revision] ?? tags[revision] ?? Object.keys(commits).find((one) => revision.length >= 8 && one.startsWith(revision))
  return commit !== undefined && commits[commit] !== undefined ? commit : undefined
}

function hidden({ member }: ModelScopeModel, { headers }: ServedRequest): boolean {
  return member !== undefined && headers['authorization'] !== member
}

function success(data: object): ServedFile {
  return json({ Code: 200, Data: data, Message: 'success', RequestId: 'testkit', Success: true })
}

function failure(status: number, code: number, message: string): ServedFile {
  return { ...json({ Code: code, Message: message, RequestId: 'testkit', Success: false }), status }
}

function json(value: unknown): ServedFile {
  return { contentType: 'application/json; charset=utf-8', body: JSON.stringify(value) }
}

function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex')
}
