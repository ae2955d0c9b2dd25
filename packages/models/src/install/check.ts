import { SomaError } from '@soma/core'
import { type OnnxHeader, checkOnnxExternalData, isOnnxPath, onnxSignature, openFileReader, readOnnxHeader } from '@soma/formats'
import { type ManifestFile, type Signature, checkPackagePath } from '@soma/spec'
import type { StoredBlob } from '@soma/store'
import { checkFileSet } from '../package/file-set.ts'
import { compileGlob } from '../package/glob.ts'
import { manifestSignature } from '../package/manifest.ts'
import { selectFiles } from '../package/select.ts'
import type { InstallContext, StagedFiles } from './deps.ts'
import type { KnownPackage } from './recognise.ts'

/** A package whose files are all there and what they are said to be. */
export interface CheckedPackage extends KnownPackage {
  /** Only those that are kept. */
  readonly files: StagedFiles
  readonly signature: Signature | null
}

/**
 * Holds the files against what the manifest and the model files say of them, and picks those to keep.
 * @throws {SomaError} `package/hash-mismatch`, `package/size-mismatch`, `package/no-model`, `package/invalid-model`, `package/unsafe-path`.
 */
export async function check(context: InstallContext, known: KnownPackage): Promise<CheckedPackage> {
  const { manifest, recognised, files } = known
  const include = includeFilter(context)
  const listed = (manifest?.spec.format.files ?? []).filter(({ path }) => include?.(path) !== false)
  for (const entry of listed) checkListed(entry, files.get(checkPackagePath(entry.path)))
  for (const [role, path] of Object.entries(recognised.roles))
    if (!files.has(path)) throw missing(path, `plays the role ${JSON.stringify(role)}`)
  checkRoles(recognised.roles)
  const headers = await readHeaders(context, known)
  const core = new Set([...Object.values(recognised.roles), ...listed.map(({ path }) => checkPackagePath(path))])
  for (const header of headers.values()) for (const path of header.externalData.keys()) core.add(path)
  const kept = selectFiles(files, core, include ?? (listed.length > 0 ? () => false : undefined))
  checkFileSet([...kept, 'manifest.yaml'])
  const chosen = new Map(kept.flatMap((path) => pair(path, files.get(path))))
  for (const [path, { digest, sizeBytes }] of chosen) context.report({ type: 'verify', path, digest, sizeBytes })
  return { ...known, files: chosen, signature: signatureOf(known, headers) }
}

function includeFilter({ input }: InstallContext): ((path: string) => boolean) | undefined {
  const globs = input.include?.map(compileGlob)
  return globs && ((path) => globs.some((matches) => matches(path)))
}

function checkListed(entry: ManifestFile, blob: StoredBlob | undefined): void {
  const { path, size, sha256 } = entry
  if (!blob) throw missing(path, 'is listed')
  // Generators write 0 and an empty hash for what they do not know.
  const stated = size === 0 && !sha256 ? undefined : size
  if (stated !== undefined && stated !== blob.sizeBytes)
    throw new SomaError('package/size-mismatch', `${path} has ${blob.sizeBytes} bytes; the manifest says ${stated}`, {
      details: { path, expected: stated, found: blob.sizeBytes },
    })
  if (sha256 && `sha256:${sha256}` !== blob.digest)
    throw new SomaError(
      'package/hash-mismatch',
      `${path} is not the file that the manifest means: expected sha256:${sha256}, found ${blob.digest}`,
      {
        details: { path, expected: `sha256:${sha256}`, found: blob.digest },
      },
    )
}

/** A role names what a file is for; one file for two of them is a slip of the pen. */
function checkRoles(roles: Readonly<Record<string, string>>): void {
  const roleOf = new Map<string, string>()
  for (const [role, path] of Object.entries(roles)) {
    const other = roleOf.get(path)
    if (other !== undefined)
      throw new SomaError(
        'package/invalid-manifest',
        `${JSON.stringify(path)} plays two roles, ${JSON.stringify(other)} and ${JSON.stringify(role)}`,
        {
          details: { path, roles: [other, role] },
        },
      )
    roleOf.set(path, role)
  }
}

function missing(path: string, why: string): SomaError {
  return new SomaError('package/no-model', `${JSON.stringify(path)} ${why} in the manifest, but is not in the package`, {
    details: { path },
  })
}

/** Reads every ONNX file that will be run, so that a broken one is found now and not when it is loaded. */
async function readHeaders({ deps, signal }: InstallContext, { recognised, files }: KnownPackage): Promise<Map<string, OnnxHeader>> {
  const headers = new Map<string, OnnxHeader>()
  for (const path of Object.values(recognised.roles)) {
    const blob = files.get(path)
    if (!blob || !isOnnxPath(path)) continue
    await using reader = await openFileReader(deps.store.blobs.path(blob.digest), { name: path, signal })
    const header = await readOnnxHeader(reader)
    checkOnnxExternalData(path, header, (data) => files.get(data)?.sizeBytes)
    headers.set(path, header)
  }
  return headers
}

/** What a file says of itself counts for more than what was written about it; words about its inputs are kept. */
function signatureOf({ manifest, recognised }: KnownPackage, headers: ReadonlyMap<string, OnnxHeader>): Signature | null {
  const stated = manifest ? manifestSignature(manifest) : null
  const model = recognised.roles['model']
  const header = recognised.format === 'onnx' && model !== undefined ? headers.get(model) : undefined
  const own = header && onnxSignature(header)
  if (!own) return stated
  const words = new Map(
    [...(stated?.inputs ?? []), ...(stated?.outputs ?? [])].map(({ name, finite, description }) => [
      name,
      { ...(finite !== undefined && { finite }), ...(description !== undefined && { description }) },
    ]),
  )
  const withWords = (specs: Signature['inputs']): Signature['inputs'] => specs.map((spec) => ({ ...spec, ...words.get(spec.name) }))
  return { inputs: withWords(own.inputs), outputs: withWords(own.outputs) }
}

function pair<K, V>(key: K, value: V | undefined): Array<readonly [K, V]> {
  return value === undefined ? [] : [[key, value]]
}
