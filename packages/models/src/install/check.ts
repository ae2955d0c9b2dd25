import { SomaError, isSomaError } from '@soma/core'
import { type PackageSources, type Understanding, openFileReader, understand } from '@soma/formats'
import { type Knowledge, type ManifestFile, type Signature, checkPackagePath } from '@soma/spec'
import type { StoredBlob } from '@soma/store'
import { checkFileSet } from '../package/file-set.ts'
import { compileGlobs } from '../package/glob.ts'
import { manifestSignature } from '../package/manifest.ts'
import { type Recognised, engineFor, noModel, statedFormat } from '../package/recognise.ts'
import { selectFiles } from '../package/select.ts'
import type { InstallContext, StagedFiles } from './deps.ts'
import type { KnownPackage } from './recognise.ts'

/** A package whose files are all there and what they are said to be. */
export interface CheckedPackage extends KnownPackage {
  readonly recognised: Recognised
  /** Only those that are kept. */
  readonly files: StagedFiles
  readonly signature: Signature | null
  readonly knowledge: Knowledge
  /** What its pickles would do beyond loading weights; empty unless that was allowed. */
  readonly unsafe: readonly string[]
}

/**
 * Holds the files against what the manifest and the model files say of them, and picks those to keep.
 * @throws {SomaError} `package/hash-mismatch`, `package/size-mismatch`, `package/no-model`, `package/invalid-model`,
 * `package/unsafe-pickle`, `package/unsafe-path`.
 */
export async function check(context: InstallContext, known: KnownPackage): Promise<CheckedPackage> {
  const { manifest, recognised, files } = known
  const include = includeFilter(context)
  const listed = (manifest?.spec.format.files ?? []).filter(({ path }) => include?.(path) !== false)
  for (const entry of listed) checkListed(entry, files.get(checkPackagePath(entry.path)))
  for (const [role, path] of Object.entries(recognised?.roles ?? {}))
    if (!files.has(path)) throw missing(path, `plays the role ${JSON.stringify(role)}`)
  checkRoles(recognised?.roles ?? {})
  const understood = await read(context, known, (core) => {
    const needed = new Set([...core, ...listed.map(({ path }) => checkPackagePath(path))])
    return selectFiles(files, needed, include ?? (listed.length > 0 ? () => false : undefined))
  })
  checkFileSet([...understood.kept, 'manifest.yaml'])
  const chosen = new Map(understood.kept.flatMap((path) => pair(path, files.get(path))))
  for (const [path, { digest, sizeBytes }] of chosen) context.report({ type: 'verify', path, digest, sizeBytes })
  const { knowledge, unsafe } = understood
  const found = recognised?.format === understood.format ? recognised : recognisedBy(understood, context)
  warn(context, found, knowledge)
  return {
    ...known,
    recognised: found,
    files: chosen,
    signature: signatureOf({ ...known, recognised: found }, understood),
    knowledge,
    unsafe,
  }
}

/** Reads every header and scans every pickle that is kept, so that what is broken or unsafe is found now and not when it is loaded. */
async function read(context: InstallContext, known: KnownPackage, keep: (core: ReadonlySet<string>) => string[]): Promise<Understanding> {
  const { deps, signal, report, input } = context
  const { recognised, manifest, files } = known
  try {
    return await understand(sourcesOf(context, files), {
      signal,
      allowUnsafe: input.allowUnsafe,
      keep,
      ...(recognised && { known: recognised }),
      ...(manifest && { stated: { format: statedFormat(manifest), framework: manifest.spec.framework?.name } }),
      onScan: (path, format) => report({ type: 'scan', path, format }),
    })
  } catch (error) {
    const candidates = isSomaError(error, 'package/no-model') ? error.details['candidates'] : undefined
    // Nothing that is known by its format; an engine may know it by its name.
    if (Array.isArray(candidates) && candidates.length === 0) throw noModel(files, deps.engines())
    throw error
  }
}

function sourcesOf({ deps, signal }: InstallContext, files: StagedFiles): PackageSources {
  return new Map(
    [...files].map(([path, { digest, sizeBytes }]) => [
      path,
      { sizeBytes, open: () => openFileReader(deps.store.blobs.path(digest), { name: path, signal }) },
    ]),
  )
}

function recognisedBy({ format, roles, knowledge }: Understanding, { deps }: InstallContext): Recognised {
  const engine = engineFor({ format, roles }, deps.engines())
  return {
    format,
    roles,
    engine,
    task: knowledge.tasks[0] ?? engine?.layouts.find((layout) => layout.format === format)?.task ?? engine?.tasks[0] ?? null,
  }
}

/** Says while it is installed what `soma model show` says later, and that nothing here can run it. */
function warn({ report }: InstallContext, { engine, format }: Recognised, { warnings }: Knowledge): void {
  for (const message of warnings) report({ type: 'warning', message })
  if (!engine) report({ type: 'warning', message: `No engine here loads ${format}; \`soma engine list\` shows what each one loads.` })
}

function includeFilter({ input }: InstallContext): ((path: string) => boolean) | undefined {
  return input.include && compileGlobs(input.include)
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

/** What a file says of itself counts for more than what was written about it; words about its inputs are kept. */
function signatureOf({ manifest, recognised }: KnownPackage, { signature }: Understanding): Signature | null {
  const stated = manifest ? manifestSignature(manifest) : null
  const own = recognised?.engine?.ownSignatures === true ? null : signature
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
