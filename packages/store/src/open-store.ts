import { rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { BlobFolders } from './blobs/blob-folders.ts'
import { DiskBlobStore } from './blobs/disk-blob-store.ts'
import { Database } from './database/database.ts'
import { DiskStore } from './disk-store.ts'
import { makePrivateDirectory, syncDirectory, translateFileError } from './files.ts'
import { DiskAuditLog } from './log/disk-audit-log.ts'
import { EventTable } from './records/event-table.ts'
import { RecordTable } from './records/record-table.ts'
import type { Store, StoreDeps } from './store.ts'

export interface StoreOptions {
  /** The folder that holds everything; made when it is not there. */
  readonly directory: string
}

/**
 * Opens the store in a folder and takes possession of it until it is disposed or the process ends.
 *
 * A damaged audit log does not keep it from opening: `log.verify` tells what is wrong.
 * @throws {SomaError} `store/locked` when another process has it, `store/newer-schema`, `store/corrupt` naming the file,
 * `store/disk-full`.
 */
export async function openStore(deps: StoreDeps, options: StoreOptions): Promise<Store> {
  const folders = storeFolders(resolve(options.directory))
  makePrivateDirectory(folders.root)
  const database = new Database(join(folders.root, 'soma.sqlite'))
  try {
    prepareFolders(folders)
    return openParts(deps, database, folders)
  } catch (error) {
    database[Symbol.dispose]()
    throw translateFileError(error, 'open the store')
  }
}

interface Folders {
  readonly root: string
  readonly blobs: string
  readonly partials: string
  readonly temporary: string
  readonly keys: string
  readonly log: string
}

function storeFolders(root: string): Folders {
  return {
    root,
    blobs: join(root, 'blobs', 'sha256'),
    partials: join(root, 'partials'),
    temporary: join(root, 'tmp'),
    keys: join(root, 'keys'),
    log: join(root, 'log'),
  }
}

/** Only after the database is ours: what a crash left in `tmp` is removed. */
function prepareFolders({ root, temporary, ...kept }: Folders): void {
  rmSync(temporary, { recursive: true, force: true })
  for (const path of [temporary, ...Object.values(kept)]) makePrivateDirectory(path)
  syncDirectory(root)
}

function openParts(deps: StoreDeps, database: Database, folders: Folders): Store {
  const records = new RecordTable(database)
  const blobs = new DiskBlobStore({
    clock: deps.clock,
    folders: new BlobFolders(deps.rng, folders),
    referenced: () => records.referencedBlobs(),
  })
  const events = new EventTable(database, deps.log)
  const log = new DiskAuditLog(deps, database, folders)
  return new DiskStore(folders.root, { database, records, blobs, events, log })
}
