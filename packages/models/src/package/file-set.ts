import { createHash } from 'node:crypto'
import { type BlobDigest, SomaError, canonicalJson } from '@soma/core'
import { PACKAGE_FILES_MAX, checkPackagePath } from '@soma/spec'

/**
 * Checks that paths can lie in one folder together on every file system: safe, no two equal, none that differ by case
 * or Unicode form alone, no file where another has a folder.
 * @throws {SomaError} `package/unsafe-path`, `package/archive-refused` naming both paths.
 */
export function checkFileSet(paths: Iterable<string>): void {
  const byFold = new Map<string, string>()
  for (const path of paths) {
    const fold = foldPath(checkPackagePath(path))
    const other = byFold.get(fold)
    if (other !== undefined) throw collision(other, path, other === path ? 'stands there twice' : 'differs from it by case alone')
    byFold.set(fold, path)
    if (byFold.size > PACKAGE_FILES_MAX)
      throw new SomaError('package/archive-refused', `the package has more than ${PACKAGE_FILES_MAX} files`, {
        details: { filesMax: PACKAGE_FILES_MAX },
      })
  }
  for (const [fold, path] of byFold)
    for (let slash = fold.lastIndexOf('/'); slash > 0; slash = fold.lastIndexOf('/', slash - 1)) {
      const folder = byFold.get(fold.slice(0, slash))
      if (folder !== undefined) throw collision(folder, path, 'needs a folder of that name')
    }
}

/** Equal for paths that a file system without regard to case or Unicode form takes for one. */
export function foldPath(path: string): string {
  return path.normalize('NFC').toLowerCase()
}

function collision(first: string, second: string, why: string): SomaError {
  return new SomaError('package/archive-refused', `${JSON.stringify(second)} ${why} (${JSON.stringify(first)}); both cannot be installed`, {
    details: { paths: [first, second] },
  })
}

/** sha256 over the sorted list of paths and digests: equal packages have equal digests. */
export function packageDigest(files: Iterable<{ readonly path: string; readonly digest: BlobDigest }>): BlobDigest {
  const rows = Array.from(files, ({ path, digest }) => [path, digest] as const).sort(([a], [b]) => (a < b ? -1 : 1))
  return sha256Digest(canonicalJson(rows))
}

/** The blob digest of a text. */
export function sha256Digest(text: string): BlobDigest {
  return `sha256:${createHash('sha256').update(text).digest('hex')}` as BlobDigest
}
