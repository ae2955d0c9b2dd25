import { SomaError } from '@soma/core'
import { MANIFEST_BYTES_MAX } from '@soma/spec'
import { writeManifest } from '../package/manifest.ts'
import type { InstalledModel } from '../ports.ts'

/**
 * The manifest of a model that leaves this machine: with every file's size and sha256, and without what only means something here.
 * Equal models give equal texts.
 * @throws {SomaError} `package/invalid-manifest` when it is longer than anybody reads.
 */
export function packedManifest(model: InstalledModel): string {
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
