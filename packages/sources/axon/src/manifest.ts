import { z } from 'zod'
import { badDocument } from './errors.ts'
import { readYaml } from './yaml.ts'

const text = z.string().optional().catch(undefined)

/** What is read of a registry's manifest; the archive brings its own, which is the package's. */
const Manifest = z.looseObject({
  kind: z.literal('Model'),
  metadata: z.looseObject({
    name: z.string(),
    version: z.union([z.string(), z.number()]).transform(String),
    description: text,
    license: text,
    homepage: text,
  }),
  distribution: z.looseObject({
    package: z.looseObject({
      url: z.string().min(1),
      size: z.number().int().nonnegative().optional().catch(undefined),
      sha256: text,
    }),
  }),
})

/** A version of a model, as its registry describes it. */
export interface RegistryManifest {
  readonly version: string
  readonly description?: string
  readonly licence?: string
  readonly homepage?: string
  /** Of the archive; absolute. */
  readonly url: string
  readonly sizeBytes?: number
  readonly sha256?: string
}

/** @throws {SomaError} `source/unavailable`, not retryable, for what is no manifest with an archive. */
export function readRegistryManifest(bytes: Uint8Array, manifestUrl: string, registry: URL): RegistryManifest {
  const { metadata, distribution } = parse(bytes, manifestUrl)
  const { description, license, homepage, version } = metadata
  const { url, size, sha256 } = distribution.package
  const hash = /^(?:sha256:)?([0-9a-f]{64})$/i.exec(sha256 ?? '')?.[1]?.toLowerCase()
  return {
    version,
    url: archiveUrl(url, manifestUrl, registry),
    ...(description && { description }),
    ...(license && { licence: license }),
    ...(homepage && { homepage }),
    // Manifests are often written before their archive: a size without a hash is a guess.
    ...(hash !== undefined && size ? { sizeBytes: size } : {}),
    ...(hash !== undefined && { sha256: hash }),
  }
}

function parse(bytes: Uint8Array, url: string): z.output<typeof Manifest> {
  try {
    return Manifest.parse(readYaml(bytes))
  } catch (cause) {
    throw badDocument(url, 'is no manifest of a model with distribution.package.url', cause)
  }
}

function archiveUrl(text: string, manifestUrl: string, registry: URL): string {
  const url = URL.canParse(text, registry.href) ? new URL(text, registry) : undefined
  if (url?.protocol !== 'https:' && url?.protocol !== 'http:')
    throw badDocument(manifestUrl, 'names no http or https address of its archive')
  url.hash = ''
  return url.href
}
