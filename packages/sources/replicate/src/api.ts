import { isSomaError, parseJson } from '@soma/core'
import { type SourceDeps, readDocument } from '@soma/spec'
import { z } from 'zod'
import { badDocument, notFound, unauthorized } from './errors.ts'
import { DOCUMENT_BYTES_MAX } from './limits.ts'
import { loadReplicateOptions } from './options.ts'
import type { ReplicateReference } from './reference.ts'

const text = z.string().nullish().catch(undefined)

const Version = z.looseObject({
  id: z.string().regex(/^[0-9a-f]{64}$/),
  created_at: text,
  cog_version: text,
  openapi_schema: z.looseObject({
    components: z.looseObject({ schemas: z.record(z.string(), z.unknown()) }),
  }),
})
export type ReplicateVersion = z.output<typeof Version>

const Described = z.looseObject({
  owner: z.string().min(1),
  name: z.string().min(1),
  description: text,
  url: text,
  license_url: text,
  run_count: z.number().int().nonnegative().nullish().catch(undefined),
})

const Model = Described.extend({ latest_version: Version.nullish() })
export type ReplicateModel = z.output<typeof Model>

const Found = z.looseObject({
  models: z.array(z.looseObject({ model: Described, metadata: z.looseObject({ generated_description: text }).nullish() })),
})
export type FoundModels = z.output<typeof Found>['models']

/** Replicate's HTTP API, as far as it describes models. */
export class ReplicateApi {
  readonly #deps: SourceDeps

  constructor(deps: SourceDeps) {
    this.#deps = deps
  }

  model({ owner, name }: ReplicateReference, signal: AbortSignal): Promise<ReplicateModel> {
    return this.#get(`models/${owner}/${name}`, Model, { what: `model ${owner}/${name}`, signal })
  }

  version({ owner, name }: ReplicateReference, id: string, signal: AbortSignal): Promise<ReplicateVersion> {
    return this.#get(`models/${owner}/${name}/versions/${id}`, Version, { what: `version ${id} of ${owner}/${name}`, signal })
  }

  async search(query: string, limit: number, signal: AbortSignal): Promise<FoundModels> {
    const asked = new URLSearchParams({ query, limit: String(limit) })
    return (await this.#get(`search?${asked.toString()}`, Found, { what: 'search', signal })).models
  }

  async #get<T>(path: string, schema: z.ZodType<T>, { what, signal }: { what: string; signal: AbortSignal }): Promise<T> {
    const { api, token } = loadReplicateOptions(this.#deps.env)
    const { href } = new URL(`v1/${path}`, api)
    const headers = { accept: 'application/json', ...(token !== undefined && { authorization: `Bearer ${token}` }) }
    const reply = await this.#deps.fetch(href, { headers, signal }).catch((thrown: unknown) => {
      if (isSomaError(thrown, 'source/unauthorized')) throw unauthorized(token !== undefined, thrown)
      throw isSomaError(thrown, 'source/not-found') ? notFound(what, thrown) : thrown
    })
    const body = await readDocument(reply, DOCUMENT_BYTES_MAX)
    try {
      return schema.parse(parseJson(body, 'the answer'))
    } catch (cause) {
      throw badDocument(href.replace(/\?.*/, ''), cause)
    }
  }
}
