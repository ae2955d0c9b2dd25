import { createHash } from 'node:crypto'
import { createWriteStream, mkdirSync, renameSync } from 'node:fs'
import { constants, mkdir, open, readdir, rename, rm, rmdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { type BlobDigest, type Rng, SomaError, randomId } from '@soma/core'
import { type CallContext, type CallOutput, type ValidInput, archiveKind } from '@soma/spec'
import type { BlobWriteOptions, Store, StoredBlob } from '@soma/store'
import { extractArchive } from '../install/extract/extract.ts'
import { checkFileSet } from '../package/file-set.ts'
import { checkAbsolute, checkTarget, fileError, kindOf } from './local-files.ts'

export interface UnpackDeps {
  readonly store: Pick<Store, 'directory'>
  readonly rng: Rng
}

/** The handler of `model.unpack`: all files are in the folder, or it is as it was. */
export async function unpackArchive(
  { store, rng }: UnpackDeps,
  { path, folder }: ValidInput<'model.unpack'>,
  { signal }: Pick<CallContext, 'signal'>,
): Promise<CallOutput<'model.unpack'>> {
  const archive = { path: checkAbsolute(path), kind: checkKind(path), name: basename(path), stripComponents: 0 }
  await checkReadable(archive.path)
  const target = await checkTarget(folder, store.directory)
  await checkEmpty(target)
  const draft = new FolderDraft(`${target}.${randomId(rng, 'part')}`)
  try {
    await draft.create()
    await extractArchive(archive, { blobs: draft, signal, wanted: () => true, onFile: (file, blob) => draft.place(file, blob) })
    checkFileSet(draft.paths)
    const { files, sizeBytes } = await draft.become(target)
    return { folder: target, files, sizeBytes }
  } catch (error) {
    throw fileError(error, 'file/unwritable', target)
  } finally {
    await draft.remove()
  }
}

function checkKind(path: string): 'tar' | 'tar.gz' | 'zip' {
  const kind = archiveKind(path)
  if (kind !== 'file') return kind
  throw new SomaError(
    'package/archive-refused',
    `${path} is not named like an archive; expected .axon, .tar.gz, .tgz, .tar, .zip or .whl`,
    {
      details: { path },
    },
  )
}

async function checkReadable(path: string): Promise<void> {
  try {
    // A pipe would be waited for until somebody writes to it.
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    if (!(await file.stat()).isFile()) throw new SomaError('file/unreadable', `${path} is not a file`, { details: { path } })
  } catch (error) {
    throw fileError(error, 'file/unreadable', path)
  }
}

async function checkEmpty(folder: string): Promise<void> {
  const kind = await kindOf(folder)
  if (kind === undefined || (kind === 'folder' && (await readdir(folder)).length === 0)) return
  const what = kind === 'folder' ? 'is not empty' : `is a ${kind}`
  throw new SomaError('file/exists', `${folder} ${what}; unpack into a folder that is new or empty`, { details: { path: folder } })
}

/** A folder under another name, until everything is in it. To the extraction it is where blobs are written to. */
class FolderDraft {
  readonly paths: string[] = []
  readonly #directory: string
  #sizeBytes = 0
  #count = 0

  constructor(directory: string) {
    this.#directory = directory
  }

  /** Two folders: files are written into one, and moved to their paths in the other once they are whole. */
  async create(): Promise<void> {
    await mkdir(this.#directory, { mode: 0o700 })
    for (const name of ['incoming', 'files']) await mkdir(join(this.#directory, name))
  }

  async write(source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, { expected, signal }: BlobWriteOptions = {}): Promise<StoredBlob> {
    const hash = createHash('sha256')
    let sizeBytes = 0
    const counted = async function* (): AsyncGenerator<Uint8Array, void, void> {
      for await (const chunk of source) {
        hash.update(chunk)
        sizeBytes += chunk.byteLength
        yield chunk
      }
    }
    await pipeline(counted, createWriteStream(this.#incoming(), { flags: 'wx', flush: true }), { ...(signal && { signal }) })
    if (expected?.sizeBytes !== undefined && expected.sizeBytes !== sizeBytes)
      throw new SomaError('package/archive-refused', `a file in the archive has ${sizeBytes} bytes; it says ${expected.sizeBytes}`)
    return { digest: `sha256:${hash.digest('hex')}` as BlobDigest, sizeBytes }
  }

  /** The file that was written last. In the same turn, so that the next one can have its place. */
  place(path: string, { sizeBytes }: StoredBlob): void {
    const to = join(this.#directory, 'files', ...path.split('/'))
    this.paths.push(path)
    try {
      mkdirSync(dirname(to), { recursive: true })
      renameSync(this.#incoming(), to)
    } catch (error) {
      // A file where another needs a folder, which the archive is to blame for.
      checkFileSet(this.paths)
      throw error
    }
    this.#count++
    this.#sizeBytes += sizeBytes
  }

  /** Takes the place of an empty folder, or of none. */
  async become(target: string): Promise<{ readonly files: number; readonly sizeBytes: number }> {
    await rmdir(target).catch((error: unknown) => {
      if ((error as { code?: unknown }).code !== 'ENOENT') throw error
    })
    await rename(join(this.#directory, 'files'), target)
    return { files: this.#count, sizeBytes: this.#sizeBytes }
  }

  async remove(): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true })
  }

  #incoming(): string {
    return join(this.#directory, 'incoming', String(this.#count))
  }
}
