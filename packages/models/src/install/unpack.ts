import { defined, isSomaError } from '@soma/core'
import type { StoredBlob } from '@soma/store'
import { checkFileSet } from '../package/file-set.ts'
import { wantedPaths } from '../package/select.ts'
import type { InstallContext, StagedFiles } from './deps.ts'
import { extractArchive } from './extract/extract.ts'
import type { Fetched } from './fetch.ts'

/**
 * Turns what was fetched into blobs, by path inside the package: files as they are, archives unpacked.
 * @throws {SomaError} `package/archive-refused`, `package/unsafe-path`, `store/disk-full`.
 */
export async function unpack(context: InstallContext, fetched: readonly Fetched[]): Promise<StagedFiles> {
  const files = new Map<string, StoredBlob>()
  const paths: string[] = []
  const add = (path: string, blob: StoredBlob): void => {
    paths.push(path)
    files.set(path, blob)
  }
  for (const item of fetched) {
    if (item.artifact.kind === 'file') add(item.artifact.path, await storeFile(item))
    else await unpackArchive(context, item, add)
  }
  // Over all artifacts, because two archives may hold the same path.
  checkFileSet(paths)
  return files
}

/** A transfer holds its blob itself, until the install is over. */
async function storeFile({ artifact, blob, transfer }: Fetched): Promise<StoredBlob> {
  return blob ?? (await defined(transfer, `${artifact.path} is a blob or a download`).blob())
}

async function unpackArchive(
  context: InstallContext,
  { artifact, path, transfer }: Fetched,
  add: (path: string, blob: StoredBlob) => void,
): Promise<void> {
  const { deps, lease, signal, report, input } = context
  let files = 0
  const extracted = extractArchive(
    { path, kind: artifact.kind, name: artifact.path, stripComponents: artifact.stripComponents ?? 0 },
    {
      blobs: deps.store.blobs,
      lease,
      signal,
      wanted: wantedPaths(input.include),
      onFile: (path, blob) => {
        add(path, blob)
        files++
      },
    },
  )
  await extracted.catch((error: unknown) => {
    // It will not unpack next time either; or its space is what is lacking.
    if (isSomaError(error) && error.code !== 'call/cancelled') transfer?.discardWhenClosed()
    throw error
  })
  report({ type: 'unpack', path: artifact.path, files })
}

/** Lets go of archives whose files are installed. Until then they stay: who chooses with `include` after a failure need not fetch them again. */
export function discardArchives(fetched: readonly Fetched[]): void {
  for (const { artifact, transfer } of fetched) if (artifact.kind !== 'file') transfer?.discardWhenClosed()
}
