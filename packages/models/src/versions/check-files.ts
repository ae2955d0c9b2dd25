import { SomaError } from '@soma/core'
import type { Store } from '@soma/store'
import type { InstalledModel } from '../ports.ts'

/**
 * Checks that every file of a package is there in its full size: a record may not name blobs that are missing.
 * @throws {SomaError} `package/corrupt` naming the file.
 */
export function checkFiles({ blobs }: Pick<Store, 'blobs'>, { name, version, files }: InstalledModel): void {
  for (const { path, digest, sizeBytes } of files) {
    const found = blobs.has(digest) ? blobs.sizeBytes(digest) : null
    if (found === sizeBytes) continue
    const reason = found === null ? 'it is missing, or not what it should be' : `it has ${found} bytes instead of ${sizeBytes}`
    throw new SomaError(
      'package/corrupt',
      `${path} of ${name} ${version} is damaged: ${reason}; soma model verify ${name} --repair fetches it again`,
      { details: { model: name, version, path, digest, reason } },
    )
  }
}
