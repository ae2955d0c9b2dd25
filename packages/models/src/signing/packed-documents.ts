import { SomaError } from '@soma/core'
import { MANIFEST_BYTES_MAX } from '@soma/spec'
import { writeManifest } from '../package/manifest.ts'
import type { InstalledModel } from '../ports.ts'
import { misfit, statementOf } from './judge.ts'
import { type KeptSignature, readKept } from './signature-files.ts'
import { signedFiles } from './verdict.ts'

/** What goes along with the files of a model: the manifest, and signatures that hold over it and them. */
export interface PackedDocuments {
  readonly manifest: string
  readonly bundles: KeptSignature['bundles']
}

/**
 * The documents of a model that leaves this machine. Those it was brought with where they are signed and name just the files that
 * are here; else a manifest of its own and no signature: of a package of others' making only some files may have been kept.
 * @throws {SomaError} `package/invalid-manifest` when the manifest is longer than anybody reads.
 */
export function packedDocuments(model: InstalledModel): PackedDocuments {
  const kept = readKept(model.signatureBundle)
  if (kept && kept.manifest !== null) {
    const signed = { files: signedFiles(model.files, kept.manifest), mayLack: () => false }
    const holds = (bundle: string): boolean => {
      const statement = statementOf(bundle)
      return statement !== undefined && misfit(statement, signed) === undefined
    }
    if (Object.values(kept.bundles).every(holds)) return { manifest: kept.manifest, bundles: kept.bundles }
  }
  return { manifest: packedManifest(model), bundles: {} }
}

/**
 * The manifest of a model that leaves this machine: with every file's size and sha256, and without what only means something here.
 * Equal models give equal texts.
 */
function packedManifest(model: InstalledModel): string {
  const { spec, ...manifest } = model.manifest
  const { source, ...rest } = spec
  const { pin: _pin, include: _include, ...origin } = source ?? { reference: model.reference }
  // A path of this machine helps nobody elsewhere, and may tell what it should not.
  const isPublic = !origin.reference.startsWith('file/')
  const sizeBytes = model.files.reduce((sum, file) => sum + file.sizeBytes, 0)
  const text = writeManifest({
    ...manifest,
    metadata: { namespace: 'soma', ...manifest.metadata },
    spec: { ...rest, ...(isPublic && { source: origin }) },
    // Where readers of Axon's look for the size; the archive's own hash cannot be inside it.
    distribution: manifest.distribution ?? { package: { url: '', size: sizeBytes, sha256: '' } },
  })
  const textBytes = Buffer.byteLength(text)
  if (textBytes <= MANIFEST_BYTES_MAX) return text
  throw new SomaError(
    'package/invalid-manifest',
    `the manifest of ${model.name} would have ${textBytes} bytes; at most ${MANIFEST_BYTES_MAX} are read (${model.files.length} files)`,
    { details: { model: model.name, sizeBytes: textBytes, bytesMax: MANIFEST_BYTES_MAX } },
  )
}
