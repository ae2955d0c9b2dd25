import { parseJson } from '@soma/core'
import { type HttpFetch, type SearchHit, licenceOf, readDocument } from '@soma/spec'
import { z } from 'zod'
import { badDocument } from './errors.ts'
import { SEARCH_BYTES_MAX, SEARCH_RESULTS_MAX } from './limits.ts'
import { type AxonOptions, registryFetch } from './options.ts'

const text = z.string().optional().catch(undefined)

const Found = z.looseObject({
  namespace: z.string().min(1),
  name: z.string().min(1),
  version: text,
  latest_version: text,
  description: text,
  framework: text,
  license: text,
  downloads: z.number().int().nonnegative().optional().catch(undefined),
  stars: z.number().int().nonnegative().optional().catch(undefined),
})
export type FoundModel = z.output<typeof Found>

/** `/api/v1/search?q=`: a list, or an object that holds one. */
const Answer = z.union([
  z.array(Found).max(SEARCH_RESULTS_MAX),
  z
    .union([
      z.looseObject({ models: z.array(Found).max(SEARCH_RESULTS_MAX) }),
      z.looseObject({ results: z.array(Found).max(SEARCH_RESULTS_MAX) }),
    ])
    .transform((answer) => ('models' in answer ? answer.models : answer.results) as FoundModel[]),
  z.null().transform((): FoundModel[] => []),
])

export async function searchRegistry(
  query: string,
  use: { options: AxonOptions; fetch: HttpFetch; signal: AbortSignal },
): Promise<FoundModel[]> {
  const { options, fetch, signal } = use
  const url = new URL('api/v1/search', options.registry)
  url.searchParams.set('q', query)
  const reply = await registryFetch(fetch, options)(url.href, { headers: { accept: 'application/json' }, signal })
  const bytes = await readDocument(reply, SEARCH_BYTES_MAX)
  try {
    return Answer.parse(parseJson(bytes, 'the answer'))
  } catch (cause) {
    throw badDocument(url.origin + url.pathname, 'is no list of models', cause)
  }
}

export function hitOf(found: FoundModel): SearchHit {
  const { namespace, name, description, downloads, stars } = found
  const version = versionOf(found)
  const licence = licenceOf(found.license)
  return {
    reference: `axon/${namespace}/${name}${version === undefined ? '' : `@${version}`}`,
    title: `${namespace}/${name}`,
    ...(description && { description }),
    ...(licence !== undefined && { licence }),
    ...(downloads !== undefined && { downloads }),
    ...(stars !== undefined && { likes: stars }),
  }
}

export function versionOf({ version, latest_version }: FoundModel): string | undefined {
  return version || latest_version || undefined
}
