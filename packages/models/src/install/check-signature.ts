import { posix } from 'node:path'
import { MANIFEST_BYTES_MAX, MANIFEST_FILE_NAME } from '@soma/spec'
import type { StoredBlob } from '@soma/store'
import { wantedPaths } from '../package/select.ts'
import { judge, statementOf } from '../signing/judge.ts'
import { readKeyRing } from '../signing/key-ring.ts'
import { BUNDLE_BYTES_MAX } from '../signing/limits.ts'
import { applyRuling, policyOf, rule } from '../signing/policy.ts'
import { type KeptSignature, SIGNATURE_FILE_NAMES } from '../signing/signature-files.ts'
import { signedFiles } from '../signing/verdict.ts'
import type { InstallContext, StagedFiles } from './deps.ts'
import type { Target } from './resolve.ts'

/** The files of a package without its signature, and that. */
export interface CheckedSignature {
  readonly files: StagedFiles
  /** Null where nobody signed. */
  readonly signature: KeptSignature | null
}

/**
 * Holds the files as they were brought against the signatures that came with them, and takes those out of the files. What the
 * policy `install.signatures` wants decides; `off` does not look at them. A wrong signature is refused under `warn`, too.
 * @throws {SomaError} `package/unsigned`, `package/bad-signature`.
 */
export async function checkSignature(context: InstallContext, target: Target, staged: StagedFiles): Promise<CheckedSignature> {
  const policy = policyOf(context)
  const folder = signatureFolder(staged)
  if (folder === undefined) {
    applyRuling(context, rule(context, null))
    return { files: staged, signature: null }
  }
  const signatureFiles = new Set(SIGNATURE_FILE_NAMES.map((name) => posix.join(folder, name)))
  const unsigned = new Map([...staged].filter(([path]) => !signatureFiles.has(path)))
  const bundles = await readBundles(context, staged, folder)
  if (policy !== 'off') {
    const files = relativeTo(folder, unsigned)
    const absent = new Set(target.resolution.omitted)
    const wanted = wantedPaths(context.input.include)
    const mayLack = (path: string): boolean => absent.has(posix.join(folder, path)) || !wanted(posix.join(folder, path))
    const signed = { files: signedFiles(files, null), mayLack }
    applyRuling(context, rule(context, judge(Object.values(bundles), signed, readKeyRing(context.deps.store))))
  }
  const files = policy === 'off' ? unsigned : withoutIgnored(unsigned, folder, Object.values(bundles))
  return { files, signature: { bundles, manifest: await readManifestText(context, unsigned.get(posix.join(folder, MANIFEST_FILE_NAME))) } }
}

/** The folder closest to the top that has a signature in it. */
function signatureFolder(files: StagedFiles): string | undefined {
  const folders = [...files.keys()].filter((path) => posix.basename(path) === SIGNATURE_FILE_NAMES[0]).map((path) => posix.dirname(path))
  const depth = (folder: string): number => (folder === '.' ? 0 : folder.split('/').length)
  return folders.sort((a, b) => depth(a) - depth(b) || (a < b ? -1 : 1))[0]
}

async function readBundles({ deps }: InstallContext, files: StagedFiles, folder: string): Promise<Record<string, string>> {
  const bundles: Record<string, string> = {}
  for (const name of SIGNATURE_FILE_NAMES) {
    const blob = files.get(posix.join(folder, name))
    if (!blob) continue
    // What is too long is no bundle; half of it isn't one either, and is told so.
    const end = Math.min(blob.sizeBytes, BUNDLE_BYTES_MAX)
    bundles[name] = Buffer.concat(await Array.fromAsync(deps.store.blobs.read(blob.digest, { begin: 0, end }))).toString('utf8')
  }
  return bundles
}

/** Files outside the folder keep a path that no statement can name: they were not signed. */
function relativeTo(folder: string, files: StagedFiles): Array<{ readonly path: string; readonly digest: string }> {
  return [...files].map(([path, { digest }]) => ({ path: folder === '.' ? path : posix.relative(folder, path), digest }))
}

/** What the signer left out of the signature was not checked by anybody, and is not installed. */
function withoutIgnored(files: StagedFiles, folder: string, bundles: readonly string[]): StagedFiles {
  const statements = bundles.flatMap((bundle) => statementOf(bundle) ?? [])
  const isSigned = (path: string): boolean => statements.every((statement) => statement.files.has(posix.relative(folder, path)))
  return new Map([...files].filter(([path]) => isSigned(path)))
}

async function readManifestText({ deps }: InstallContext, blob: StoredBlob | undefined): Promise<string | null> {
  if (!blob || blob.sizeBytes > MANIFEST_BYTES_MAX) return null
  return Buffer.concat(await Array.fromAsync(deps.store.blobs.read(blob.digest))).toString('utf8')
}
