import { parseJson } from '@soma/core'
import { type HttpFetch, publicUrl, readDocument } from '@soma/spec'
import { z } from 'zod'
import { badAnswer } from './errors.ts'
import { MANIFEST_BYTES_MAX, PACKUMENT_BYTES_MAX } from './limits.ts'
import { type NpmOptions, connectionTo } from './options.ts'

/** A package's index. The versions are checked only when one is picked. */
const Packument = z.object({
  name: z.string(),
  'dist-tags': z.record(z.string(), z.string()).default({}),
  versions: z.record(z.string(), z.record(z.string(), z.unknown())).default({}),
  /** When each version was published; only in the full form. */
  time: z.record(z.string(), z.unknown()).optional(),
})
export type Packument = z.infer<typeof Packument>

/** The part of a version's entry that says where its bytes are. */
export const PickedVersion = z.object({
  version: z.string(),
  deprecated: z.union([z.string(), z.boolean()]).optional(),
  dist: z.object({ tarball: z.string(), integrity: z.string().optional(), shasum: z.string().optional() }),
})
export type PickedVersion = z.infer<typeof PickedVersion>

/** The part of a version's package.json that people read. Anything odd in it is as good as absent. */
const Manifest = z.object({
  license: z
    .union([z.string(), z.object({ type: z.string() }).transform(({ type }) => type)])
    .optional()
    .catch(undefined),
  description: z.string().optional().catch(undefined),
  homepage: z.string().optional().catch(undefined),
})
export type Manifest = z.infer<typeof Manifest>

/** Where a package is asked for, and how. */
export interface RegistryQuery {
  readonly fetch: HttpFetch
  readonly options: NpmOptions
  /** With a slash at the end. */
  readonly registry: string
  readonly escapedName: string
  readonly signal: AbortSignal
}

/**
 * The abridged form, at a tenth of the size of the full one, unless the settings want versions by age (`before`,
 * `min-release-age`): only the full one has dates.
 */
export function fetchPackument(query: RegistryQuery): Promise<Packument> {
  const abridged = 'application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*'
  const accept = query.options['before'] ? 'application/json' : abridged
  return fetchJson(query, query.escapedName, { accept, schema: Packument, sizeBytesMax: PACKUMENT_BYTES_MAX })
}

/** The full package.json of one version. */
export function fetchManifest(query: RegistryQuery, version: string): Promise<Manifest> {
  const path = `${query.escapedName}/${encodeURIComponent(version)}`
  return fetchJson(query, path, { accept: 'application/json', schema: Manifest, sizeBytesMax: MANIFEST_BYTES_MAX })
}

interface Expected<T> {
  readonly accept: string
  readonly schema: z.ZodType<T>
  readonly sizeBytesMax: number
}

async function fetchJson<T>(query: RegistryQuery, path: string, { accept, schema, sizeBytesMax }: Expected<T>): Promise<T> {
  const url = query.registry + path
  const { headers, connection } = await connectionTo(url, query.options, query.registry)
  const reply = await query.fetch(url, { headers: { ...headers, accept }, connection, signal: query.signal })
  const bytes = await readDocument(reply, sizeBytesMax)
  try {
    return schema.parse(parseJson(bytes))
  } catch (cause) {
    throw badAnswer(publicUrl(url), 'a package index', cause)
  }
}
