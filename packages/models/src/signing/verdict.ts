import { createHash } from 'node:crypto'
import { MANIFEST_FILE_NAME } from '@soma/spec'
import type { InstalledModel } from '../ports.ts'
import { type Judgement, type Signed, judge, misfit, statementOf } from './judge.ts'
import type { KeyRing } from './key-ring.ts'
import { type KeptSignature, readKept, writeKept } from './signature-files.ts'
import type { SignedFiles } from './statement.ts'

type SignedModel = Pick<InstalledModel, 'files' | 'signatureBundle'>

/**
 * What the signature of an installed model is worth now: whether it is over the files of the record, by a key that is trusted
 * today. The record's digests are taken for the files'; `model.verify` hashes those.
 * @returns null when nobody signed.
 */
export function signatureVerdict(model: SignedModel, ring: KeyRing): Judgement | null {
  const kept = readKept(model.signatureBundle)
  if (!kept)
    return model.signatureBundle === null ? null : { status: 'bad', reason: 'what is kept of the signature cannot be read', signers: [] }
  return judge(Object.values(kept.bundles), installedFiles(model, kept.manifest), ring)
}

/** The files of an installed model as they are signed. Installing keeps what is needed of a package, so that some may lack. */
export function installedFiles({ files }: Pick<InstalledModel, 'files'>, manifest: string | null): Signed {
  return { files: signedFiles(files, manifest), mayLack: (path) => path !== MANIFEST_FILE_NAME }
}

/** @param manifest text of `manifest.yaml`, where it is one of the files. */
export function signedFiles(
  files: ReadonlyArray<{ readonly path: string; readonly digest: string }>,
  manifest: string | null,
): SignedFiles {
  const digests = new Map(files.map(({ path, digest }) => [path, digest.slice('sha256:'.length)]))
  if (manifest !== null) digests.set(MANIFEST_FILE_NAME, createHash('sha256').update(manifest).digest('hex'))
  return digests
}

/**
 * The signature that came with a package, as its record keeps it: null where there is none, or where it cannot be held against the
 * installed files, because the package is a folder inside what was signed.
 */
export function signatureToKeep(files: ReadonlyMap<string, { readonly digest: string }>, brought: KeptSignature | null): string | null {
  if (!brought) return null
  const installed = Array.from(files, ([path, { digest }]) => ({ path, digest }))
  const statements = Object.values(brought.bundles).map(statementOf)
  const fits = (manifest: string | null): boolean => {
    const signed = { files: signedFiles(installed, manifest), mayLack: (path: string) => path !== MANIFEST_FILE_NAME || manifest === null }
    return statements.every((statement) => statement === undefined || misfit(statement, signed) === undefined)
  }
  const manifest =
    brought.manifest !== null && statements.some((statement) => statement?.files.has(MANIFEST_FILE_NAME)) ? brought.manifest : null
  return fits(manifest) ? writeKept({ ...brought, manifest }) : null
}
