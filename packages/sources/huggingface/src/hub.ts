import { isSomaError, parseJson } from '@soma/core'
import { readDocument } from '@soma/spec'
import { z } from 'zod'
import { badAnswer } from './errors.ts'
import { type HubQuery, asWebFetch, createHubFetch } from './hub-fetch.ts'
import { FILES_MAX, PAGE_BYTES_MAX, REVISION_LENGTH_MAX } from './limits.ts'

/** One or several words; anything odd is as good as absent. */
const Words = z
  .union([z.string().transform((word) => [word]), z.array(z.string())])
  .optional()
  .catch(undefined)

const Card = z
  .looseObject({
    license: Words,
    license_name: z.string().optional().catch(undefined),
    description: z.string().optional().catch(undefined),
  })
  .optional()
  .catch(undefined)

/** A model as the hub describes it at a revision. */
const Info = z.object({
  name: z.string(),
  sha: z.string().regex(/^[0-9a-f]{40}$/),
  disabled: z.boolean().optional().catch(undefined),
  gated: z.union([z.boolean(), z.string()]).optional().catch(undefined),
  task: z.string().optional().catch(undefined),
  tags: z.array(z.string()).catch([]),
  cardData: Card,
})
export type HubInfo = z.infer<typeof Info>

const Entry = z.object({
  type: z.string(),
  path: z.string().min(1).max(1024),
  size: z.number().int().nonnegative(),
  oid: z.string().optional(),
  lfs: z.object({ oid: z.string().regex(/^[0-9a-f]{64}$/), size: z.number().int().nonnegative() }).optional(),
})

/** A file of a commit. Of those in LFS the sha256 is known, of the others git's name of the blob. */
export interface HubFile {
  readonly path: string
  readonly sizeBytes: number
  readonly sha256?: string
  readonly oid?: string
}

const Refs = z.object({
  branches: z.array(z.object({ name: z.string() })).catch([]),
  tags: z.array(z.object({ name: z.string() })).catch([]),
})

const Found = z.object({
  name: z.string(),
  gated: z.union([z.boolean(), z.string()]).optional().catch(undefined),
  task: z.string().optional().catch(undefined),
  downloads: z.number().nonnegative().optional().catch(undefined),
  likes: z.number().nonnegative().optional().catch(undefined),
  updatedAt: z.date().optional().catch(undefined),
  tags: z.array(z.string()).catch([]),
  cardData: Card,
  safetensors: z
    .object({ parameters: z.record(z.string(), z.number().nonnegative()) })
    .optional()
    .catch(undefined),
})
export type FoundModel = z.infer<typeof Found>

/** The hub's own client library, on our HTTP: loaded at the first use. */
export async function connectHub(query: HubQuery, repository: string) {
  const library = await import('@huggingface/hub')
  const { options, deps, signal } = query
  const request = createHubFetch(deps.fetch, options, repository)
  const shared = { hubUrl: options.endpoint, fetch: asWebFetch(request, signal, options.endpoint) }
  const document = async (path: string): Promise<unknown> =>
    parseJson(await readDocument(await request(`${options.endpoint}/api/models/${repository}/${path}`, { signal }), PAGE_BYTES_MAX))
  const checked = async <T>(what: string, schema: z.ZodType<T>, ask: () => Promise<unknown>): Promise<T> => {
    try {
      return schema.parse(await ask())
    } catch (thrown) {
      throw isSomaError(thrown) && thrown.code !== 'call/malformed' ? thrown : badAnswer(options.endpoint, what, thrown)
    }
  }
  return {
    info: (revision: string | undefined): Promise<HubInfo> =>
      checked('a model’s description', Info, () =>
        library.modelInfo({
          ...shared,
          name: repository,
          additionalFields: ['sha', 'tags', 'cardData', 'disabled'],
          ...(revision !== undefined && { revision }),
        }),
      ),
    files: async (commit: string): Promise<HubFile[]> => {
      const pages = library.listFiles({ ...shared, repo: { type: 'model', name: repository }, recursive: true, revision: commit })
      const entries = await checked('a list of files', z.array(Entry), () => atMost(pages, FILES_MAX))
      return entries.filter(({ type }) => type === 'file').map(toFile)
    },
    revisions: async (): Promise<string[]> => {
      const { branches, tags } = await checked('branches and tags', Refs, () => document('refs'))
      return [...branches, ...tags].map(({ name }) => name).filter(({ length }) => length <= REVISION_LENGTH_MAX)
    },
    /** @throws {SomaError} `source/gated`, when the user has not accepted the terms. */
    checkAccess: async (): Promise<void> => void (await document('auth-check').catch(unlessUnknown)),
    search: (text: string, limit: number): Promise<FoundModel[]> => {
      const found = library.listModels({
        ...shared,
        search: { query: text },
        sort: 'downloads',
        limit,
        additionalFields: ['tags', 'cardData', 'safetensors'],
      })
      return checked('a list of models', z.array(Found), () => atMost(found, limit))
    },
  }
}

/** Mirrors need not know the question; what they then refuse, the download will tell. */
function unlessUnknown(thrown: unknown): void {
  const unknown = isSomaError(thrown, 'source/not-found') || isSomaError(thrown, 'call/malformed')
  if (!unknown) throw thrown
}

async function atMost<T>(items: AsyncIterable<T>, max: number): Promise<T[]> {
  const taken: T[] = []
  for await (const item of items) if (taken.push(item) >= max) break
  return taken
}

function toFile({ path, size, oid, lfs }: z.infer<typeof Entry>): HubFile {
  if (lfs !== undefined) return { path, sizeBytes: lfs.size, sha256: lfs.oid }
  return { path, sizeBytes: size, ...(oid !== undefined && { oid }) }
}
