import { chmodSync, closeSync, constants, fsyncSync, mkdirSync, openSync, readSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { SomaError } from '@soma/core'

/** True for an error of the operating system with one of these codes. */
export function hasErrorCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && codes.includes(String((error as { code?: unknown }).code))
}

/** A full disk as `store/disk-full`; everything else as it is. */
export function translateFileError(error: unknown, what: string): unknown {
  if (!hasErrorCode(error, 'ENOSPC', 'EDQUOT')) return error
  return new SomaError('store/disk-full', `no space left to ${what}; nothing was kept, free space and try again`, { cause: error })
}

/** @returns the file's text, or undefined when there is none. @throws {SomaError} `store/corrupt` when it is larger than `sizeBytesMax`. */
export function readSmallFile(path: string, sizeBytesMax: number): string | undefined {
  const descriptor = tryOpen(path)
  if (descriptor === undefined) return undefined
  try {
    const buffer = Buffer.alloc(sizeBytesMax + 1)
    const size = readSync(descriptor, buffer, 0, buffer.length, 0)
    if (size > sizeBytesMax) throw new SomaError('store/corrupt', `${path} is larger than ${sizeBytesMax} bytes`, { details: { path } })
    return buffer.toString('utf8', 0, size)
  } finally {
    closeSync(descriptor)
  }
}

function tryOpen(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDONLY)
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return undefined
    throw error
  }
}

/** Writes a small file (mode 0600) so that after a crash there is all of it or none: by `temporary`, fsync and rename. */
export function writeFileDurably(path: string, text: string, folders: { readonly temporary: string }): void {
  const draft = join(folders.temporary, basename(path))
  try {
    const descriptor = openSync(draft, 'w', 0o600)
    try {
      writeFileSync(descriptor, text)
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
    renameSync(draft, path)
    syncDirectory(dirname(path))
  } catch (error) {
    rmSync(draft, { force: true })
    throw translateFileError(error, `write ${path}`)
  }
}

/** The unit of `stat`'s block counts, whatever the file system's own is. */
const STAT_BLOCK_BYTES = 512

/** Bytes that a file takes on the disk: less than its size where it has holes. */
export function diskBytes(file: { readonly size: number; readonly blocks: number } | undefined): number {
  return file ? Math.min(file.size, file.blocks * STAT_BLOCK_BYTES) : 0
}

/** Makes the names in a folder durable: a rename or a new file is on disk only after this. */
export function syncDirectory(path: string): void {
  const descriptor = openSync(path, constants.O_RDONLY)
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/** As `syncDirectory`, without holding up others. */
export async function syncDirectoryAsync(path: string): Promise<void> {
  await using handle = await open(path, constants.O_RDONLY)
  await handle.sync()
}

/** Makes a folder that only its owner may enter, also when it is there already. */
export function makePrivateDirectory(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 })
  chmodSync(path, 0o700)
}
