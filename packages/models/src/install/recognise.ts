import { posix } from 'node:path'
import { SomaError } from '@soma/core'
import { MANIFEST_BYTES_MAX, MANIFEST_FILE_NAME, type Manifest } from '@soma/spec'
import type { BlobStore, StoredBlob } from '@soma/store'
import { readManifest } from '../package/manifest.ts'
import { type Recognised, recogniseFiles, recogniseManifest } from '../package/recognise.ts'
import { isManifest } from '../package/select.ts'
import type { InstallContext, StagedFiles } from './deps.ts'

/** A package as far as its manifest and the names of its files tell: whose engine, which files, and the manifest it brought. */
export interface KnownPackage {
  /** Undefined when the files have to be read to know what it is. */
  readonly recognised: Recognised | undefined
  /** Without the manifest, by path from the folder that the manifest lies in. */
  readonly files: StagedFiles
  readonly manifest?: Manifest
}

/**
 * Finds out what a package is: by its manifest, else by the engines' layouts.
 * @throws {SomaError} `package/invalid-manifest`, `package/unsafe-path`; `package/no-model` for several manifests.
 */
export async function recognise(context: InstallContext, files: StagedFiles): Promise<KnownPackage> {
  const { store, engines } = context.deps
  const found = await findManifest(store.blobs, files)
  const manifest = found && readManifest(found.bytes, found.path)
  const inside = below(files, found ? posix.dirname(found.path) : '.')
  const recognised = manifest ? recogniseManifest(manifest, inside, engines()) : recogniseFiles(inside, engines())
  return { recognised, files: inside, ...(manifest && { manifest }) }
}

interface FoundManifest {
  readonly path: string
  readonly bytes: Uint8Array
}

/**
 * The manifest at the top, or the only one closest to it that says it describes a model: archives often have one folder
 * around everything, and other tools call their files `manifest.yaml` too.
 */
async function findManifest(blobs: BlobStore, files: StagedFiles): Promise<FoundManifest | undefined> {
  const top = files.get(MANIFEST_FILE_NAME)
  if (top) return { path: MANIFEST_FILE_NAME, bytes: await readSmall(blobs, MANIFEST_FILE_NAME, top) }
  const found: FoundManifest[] = []
  for (const [path, blob] of files) {
    if (!isManifest(path) || blob.sizeBytes > MANIFEST_BYTES_MAX) continue
    const bytes = await readSmall(blobs, path, blob)
    if (/^kind:\s*["']?Model\b/m.test(Buffer.from(bytes).toString('latin1'))) found.push({ path, bytes })
  }
  const depth = ({ path }: FoundManifest): number => path.split('/').length
  const [closest, next] = found.sort((a, b) => depth(a) - depth(b))
  if (!closest || !next || depth(next) > depth(closest)) return closest
  throw new SomaError(
    'package/no-model',
    `the package holds several models (${closest.path}, ${next.path}); choose one with include, e.g. ${JSON.stringify(`${posix.dirname(closest.path)}/**`)}`,
    {
      details: { candidates: found.map(({ path }) => path) },
    },
  )
}

/** The size is checked before the first byte is read. */
async function readSmall(blobs: BlobStore, path: string, { digest, sizeBytes }: StoredBlob): Promise<Uint8Array> {
  if (sizeBytes > MANIFEST_BYTES_MAX)
    throw new SomaError('package/invalid-manifest', `${path} has ${sizeBytes} bytes; at most ${MANIFEST_BYTES_MAX} are read`, {
      details: { file: path, sizeBytes, bytesMax: MANIFEST_BYTES_MAX },
    })
  return Buffer.concat(await Array.fromAsync(blobs.read(digest)))
}

function below(files: StagedFiles, folder: string): StagedFiles {
  const prefix = folder === '.' ? '' : `${folder}/`
  const inside = [...files].filter(([path]) => path.startsWith(prefix)).map(([path, blob]) => [path.slice(prefix.length), blob] as const)
  return new Map(inside.filter(([path]) => path !== MANIFEST_FILE_NAME))
}
