import { parseJson } from '@soma/core'
import { type HttpFetch, type HttpReply, type SourceDeps, authorizedFetch, readDocument } from '@soma/spec'
import { z } from 'zod'
import { badDocument, forbidden, gated } from './errors.ts'
import { DOCUMENT_BYTES_MAX, FILES_MAX, FILES_PAGE, PROBLEM_BYTES_MAX } from './limits.ts'
import { type KaggleOptions, loadKaggleOptions } from './options.ts'
import { type KaggleReference, pageOf, pathOf } from './reference.ts'

const text = z.string().optional().catch(undefined)
const bytes = z.number().int().nonnegative().optional().catch(undefined)

const Instance = z.looseObject({
  slug: z.string(),
  framework: z.string(),
  versionNumber: z.number().int().positive(),
  licenseName: text,
  overview: text,
  totalUncompressedBytes: bytes,
})
export type ModelInstance = z.output<typeof Instance>

const Model = z.looseObject({
  ref: text,
  author: text,
  slug: text,
  title: text,
  subtitle: text,
  publishTime: text,
  voteCount: bytes,
  downloadCount: bytes,
  instances: z.array(Instance.or(z.unknown().transform(() => undefined))).default([]),
})
export type Model = z.output<typeof Model>

const Files = z.looseObject({
  files: z.array(z.looseObject({ name: z.string().min(1), size: bytes })),
  nextPageToken: z.string().nullish(),
})
export type ModelFile = z.output<typeof Files>['files'][number]

const Models = z.looseObject({ models: z.array(Model) })

const Problem = z.looseObject({ message: z.string() })

/** Kaggle's REST API, `/api/v1/models/…`, with the user's credentials. */
export class KaggleApi {
  readonly #deps: SourceDeps
  readonly options: KaggleOptions

  private constructor(deps: SourceDeps, options: KaggleOptions) {
    this.#deps = deps
    this.options = options
  }

  static async open(deps: SourceDeps): Promise<KaggleApi> {
    return new KaggleApi(deps, await loadKaggleOptions(deps))
  }

  instance(reference: KaggleReference, signal: AbortSignal): Promise<ModelInstance> {
    return this.#get(`${pathOf(reference)}/get`, Instance, { reference, signal })
  }

  model(reference: KaggleReference, signal: AbortSignal): Promise<Model> {
    return this.#get(`${reference.owner}/${reference.model}/get`, Model, { reference, signal })
  }

  /** Undefined when there are more than `FILES_MAX`. */
  async files(reference: KaggleReference, version: number, signal: AbortSignal): Promise<ModelFile[] | undefined> {
    const found: ModelFile[] = []
    for (let token: string | undefined; found.length <= FILES_MAX;) {
      const query = new URLSearchParams({ page_size: String(FILES_PAGE), ...(token !== undefined && { page_token: token }) })
      const page = await this.#get(`${pathOf(reference)}/${version}/files?${query.toString()}`, Files, { reference, signal })
      found.push(...page.files)
      // A page that is empty and names another one would never end.
      if (!page.nextPageToken || page.files.length === 0) return found.length > FILES_MAX ? undefined : found
      token = page.nextPageToken
    }
    return undefined
  }

  async search(query: string, limit: number, signal: AbortSignal): Promise<Model[]> {
    const asked = new URLSearchParams({ search: query, page_size: String(limit) })
    const { models } = await this.#get(`list?${asked.toString()}`, Models, { reference: undefined, signal })
    return models
  }

  /** Where a file, or without a path the archive of all of them, is fetched. */
  downloadUrl(reference: KaggleReference, version: number, path?: string): string {
    const encoded = path === undefined ? '' : `/${path.split('/').map(encodeURIComponent).join('/')}`
    return new URL(`api/v1/models/${pathOf(reference)}/${version}/download${encoded}`, this.options.endpoint).href
  }

  /** HTTP that sends the credentials to Kaggle alone and tells terms to accept from a wrong key. */
  fetchFor(reference: KaggleReference | undefined): HttpFetch {
    const { endpoint, authorization } = this.options
    const authorized = authorizedFetch(this.#deps.fetch, { address: endpoint, authorization })
    return async (url, request) => {
      const reply = await authorized(url, { ...request, statuses: [401, 403] })
      if (reply.status !== 401 && reply.status !== 403) return reply
      throw this.#refusal(reference, await reasonOf(reply))
    }
  }

  #refusal(reference: KaggleReference | undefined, reason: string): Error {
    const { endpoint, authorization } = this.options
    if (reference && /\b(consent|accept|agree|terms|licen[cs]e|gated)/i.test(reason))
      return gated(`${reference.owner}/${reference.model}`, pageOf(reference, endpoint), reason)
    return forbidden(endpoint.host, reason, authorization !== undefined)
  }

  async #get<T>(path: string, schema: z.ZodType<T>, use: { reference: KaggleReference | undefined; signal: AbortSignal }): Promise<T> {
    const { href } = new URL(`api/v1/models/${path}`, this.options.endpoint)
    const reply = await this.fetchFor(use.reference)(href, { headers: { accept: 'application/json' }, signal: use.signal })
    const body = await readDocument(reply, DOCUMENT_BYTES_MAX)
    try {
      return schema.parse(parseJson(body, 'the answer'))
    } catch (cause) {
      throw badDocument(href.replace(/\?.*/, ''), cause)
    }
  }
}

/** Kaggle answers `{"code":403,"message":"…"}`. */
async function reasonOf(reply: HttpReply): Promise<string> {
  const body = new TextDecoder().decode(await readDocument(reply, PROBLEM_BYTES_MAX))
  try {
    return Problem.parse(parseJson(body)).message.slice(0, 500)
  } catch {
    return ''
  }
}
