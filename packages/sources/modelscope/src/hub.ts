import { isSomaError, parseJson } from '@soma/core'
import { type HttpFetch, type SourceDeps, authorizedFetch, publicUrl, readDocument } from '@soma/spec'
import { z } from 'zod'
import { badAnswer, refused, unauthorized } from './errors.ts'
import { ANSWER_BYTES_MAX, PAGE_MODELS_MAX } from './limits.ts'
import type { ModelScopeOptions } from './options.ts'

const text = z.string().optional().catch(undefined)
const count = z.number().nonnegative().optional().catch(undefined)

/** What every answer of the older API is wrapped in. */
const Envelope = z.object({ Code: z.number(), Success: z.boolean().optional(), Message: text, Data: z.unknown().optional() })

/** Anything odd in it is as good as absent. */
const Info = z.object({
  License: text,
  Description: text,
  Tasks: z
    .array(z.object({ Name: z.string() }))
    .nullish()
    .catch(undefined),
})
export type ModelScopeInfo = z.infer<typeof Info>

const File = z.object({
  Path: z.string().min(1).max(1024),
  Type: z.string(),
  Size: z.number().int().nonnegative(),
  Sha256: z.string().optional(),
  Revision: z.string().optional(),
  CommittedDate: z.number().optional(),
})
const Files = z.object({
  /** Null for a revision that does not exist. */
  Files: z.array(File).nullable(),
  LatestCommitter: z.object({ Id: text, Revision: text, ShortId: text }).nullish().catch(undefined),
})
export type ModelScopeFiles = z.infer<typeof Files>

const Named = z.array(z.object({ Revision: z.string() })).nullish()
const Revisions = z.object({ RevisionMap: z.object({ Branches: Named, Tags: Named }) })

const Found = z.object({
  id: z.string(),
  display_name: text,
  description: text,
  downloads: count,
  likes: count,
  license: text,
  tasks: z.array(z.string()).optional().catch(undefined),
  tags: z.array(z.string()).optional().catch(undefined),
  file_size: count,
})
const SearchAnswer = z.object({ data: z.object({ models: z.array(Found) }) })
export type FoundModel = z.infer<typeof Found>

export interface HubQuery {
  readonly deps: SourceDeps
  readonly options: ModelScopeOptions
  readonly signal: AbortSignal
}

/** HTTP with the token for the hub's own origin only, whose refusals say how to set one. */
export function hubFetch(fetch: HttpFetch, { endpoint, token }: ModelScopeOptions): HttpFetch {
  const authorization = token === undefined ? undefined : `Bearer ${token}`
  return authorizedFetch(fetch, {
    address: endpoint,
    authorization,
    refused: (cause) => unauthorized(endpoint, token !== undefined, cause),
  })
}

export function fetchInfo(query: HubQuery, repository: string): Promise<ModelScopeInfo> {
  return ask(query, `models/${repository}`, Info)
}

export function fetchFiles(query: HubQuery, repository: string, revision: string): Promise<ModelScopeFiles> {
  const wanted = new URLSearchParams({ Revision: revision, Recursive: 'true' })
  return ask(query, `models/${repository}/repo/files?${wanted.toString()}`, Files)
}

/** Branches, then tags. */
export async function fetchRevisions(query: HubQuery, repository: string): Promise<string[]> {
  const { Branches, Tags } = (await ask(query, `models/${repository}/revisions`, Revisions)).RevisionMap
  return [...(Branches ?? []), ...(Tags ?? [])].map(({ Revision }) => Revision)
}

export async function searchModels(query: HubQuery, words: string, limit: number): Promise<FoundModel[]> {
  const page = { search: words, sort: 'downloads', page_number: '1', page_size: String(Math.min(limit, PAGE_MODELS_MAX)) }
  const url = `${query.options.endpoint}/openapi/v1/models?${new URLSearchParams(page).toString()}`
  return parsed(url, SearchAnswer, await fetchJson(query, url)).data.models
}

/** Asks the older API, whose answers are wrapped. */
async function ask<T>(query: HubQuery, path: string, schema: z.ZodType<T>): Promise<T> {
  const url = `${query.options.endpoint}/api/v1/${path}`
  const { Code, Success, Message = '', Data } = parsed(url, Envelope, await fetchJson(query, url))
  if (Code !== 200 || Success === false) throw refused(publicUrl(url), Code, Message)
  return parsed(url, schema, Data)
}

async function fetchJson({ deps, options, signal }: HubQuery, url: string): Promise<unknown> {
  const reply = await hubFetch(deps.fetch, options)(url, { headers: { accept: 'application/json' }, signal })
  const bytes = await readDocument(reply, ANSWER_BYTES_MAX)
  try {
    return parseJson(bytes, 'the answer')
  } catch (cause) {
    throw badAnswer(publicUrl(url), 'JSON', cause)
  }
}

function parsed<T>(url: string, schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  throw badAnswer(publicUrl(url), 'what its API promises', result.error)
}

/** Whether the hub knows nothing of what was asked for. */
export function isMissing(thrown: unknown): boolean {
  return isSomaError(thrown, 'source/not-found')
}
