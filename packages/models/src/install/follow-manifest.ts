import { SomaError, isSomaError } from '@soma/core'
import {
  type Artifact,
  MANIFEST_BYTES_MAX,
  type Manifest,
  type Resolution,
  type Source,
  licenceOf,
  modelNameOf,
  publicUrl,
} from '@soma/spec'
import { readManifest } from '../package/manifest.ts'
import { isManifest } from '../package/select.ts'

/** The archive that an Axon manifest names under `distribution.package`. */
interface Distribution {
  /** What stands after `url/`. */
  readonly address: string
  readonly manifest: Manifest
}

/**
 * A manifest alone, as Axon's registries serve them, leads to the archive it names. Only from one address to another: a caller
 * who may read files of this machine may not therefore fetch from the network.
 * @returns the resolution of the archive, or the one given where there is nothing to follow.
 * @throws {SomaError} `source/unsupported` for a manifest on disk, naming the reference to install instead.
 */
export async function followManifest(found: Resolution, source: Source, signal: AbortSignal): Promise<Resolution> {
  const [alone, ...others] = found.artifacts
  if (alone?.kind !== 'file' || others.length > 0 || !isManifest(alone.path) || (source.scheme !== 'url' && source.scheme !== 'file'))
    return found
  const distribution = await readDistribution(alone, source, signal)
  if (distribution === undefined) return found
  if (source.scheme === 'file') throw installInstead(found.reference, distribution.address)
  return described(await source.resolve(distribution.address, { signal }), distribution.manifest)
}

async function readDistribution(artifact: Artifact, source: Source, signal: AbortSignal): Promise<Distribution | undefined> {
  const manifest = readSilently(await readSmall(artifact, source, signal))
  const { url, sha256 } = (manifest?.distribution?.['package'] ?? {}) as { readonly url?: unknown; readonly sha256?: unknown }
  // Of a file on disk the key is a path, against which only a whole address can be read.
  const base = source.scheme === 'url' ? artifact.key : undefined
  if (manifest === undefined || typeof url !== 'string' || !URL.canParse(url, base)) return undefined
  const hash = /^[0-9a-f]{64}$/i.exec(typeof sha256 === 'string' ? sha256 : '')?.[0]
  const address = new URL(url, base)
  address.hash = hash === undefined ? '' : `sha256=${hash.toLowerCase()}`
  return { address: address.href, manifest }
}

/** Undefined for what is too large for a manifest: it is left to the steps that say so. */
async function readSmall(artifact: Artifact, source: Source, signal: AbortSignal): Promise<Uint8Array | undefined> {
  if ((artifact.sizeBytes ?? 0) > MANIFEST_BYTES_MAX) return undefined
  const chunks: Uint8Array[] = []
  let sizeBytes = 0
  for await (const chunk of (await source.download(artifact, { offset: 0, signal })).body) {
    sizeBytes += chunk.byteLength
    if (sizeBytes > MANIFEST_BYTES_MAX) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** Other tools call their files `manifest.yaml` too. */
function readSilently(bytes: Uint8Array | undefined): Manifest | undefined {
  try {
    return bytes && readManifest(bytes)
  } catch (thrown) {
    if (isSomaError(thrown)) return undefined
    throw thrown
  }
}

/** What the manifest says of the model, where an address says only when it was written. */
function described(archive: Resolution, { metadata }: Manifest): Resolution {
  const licence = archive.licence ?? licenceOf(metadata.license)
  const description = archive.description ?? metadata.description
  return {
    ...archive,
    suggestedName: modelNameOf(metadata.name),
    ...(licence !== undefined && { licence }),
    ...(description !== undefined && { description }),
  }
}

function installInstead(reference: string, address: string): SomaError {
  const hash = new URL(address).hash
  const instead = `url/${publicUrl(address)}${hash}`
  const message = `${reference} is a manifest whose archive lies elsewhere; install ${instead}`
  return new SomaError('source/unsupported', message, { details: { reference, instead } })
}
