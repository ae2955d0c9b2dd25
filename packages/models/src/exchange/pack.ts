import { createHash } from 'node:crypto'
import { type FileHandle, link, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type BlobDigest, type Rng, SomaError, randomId } from '@soma/core'
import { diskSpace } from '@soma/host'
import type { CallContext, CallEvent, CallOutput, ValidInput } from '@soma/spec'
import type { Store } from '@soma/store'
import { type Watched, watch } from '../watched.ts'
import type { InstalledModel, Registry } from '../ports.ts'
import { PROGRESS_BYTES } from './limits.ts'
import { checkTarget, fileError, kindOf } from './local-files.ts'
import { type OutgoingContent, checkedBytes, outgoingFiles } from './outgoing-files.ts'
import { storedGzip } from './stored-gzip.ts'
import { tarStream } from './tar-stream.ts'

export interface PackDeps {
  readonly store: Store
  readonly registry: Pick<Registry, 'get'>
  readonly rng: Rng
}

type Event = CallEvent<'model.pack'>
type Output = CallOutput<'model.pack'>

/** The handler of `model.pack`: the archive is at its path whole, or not at all. */
export function packModel(deps: PackDeps, input: ValidInput<'model.pack'>, ctx: CallContext): AsyncGenerator<Event, Output, void> {
  return watch<Event, Output>({ signal: ctx.signal, keyOf: ({ path }) => path }, async (watched) => {
    const model = deps.registry.get(input.model)
    const target = await checkTarget(input.path, deps.store.directory)
    await checkFree(target, input)
    const files = outgoingFiles(deps.store, model)
    await checkSpace(target, files)
    using _lease = deps.store.blobs.lease(model.files.map(({ digest }) => digest))
    const draft = `${target}.${randomId(deps.rng, 'part')}`
    try {
      const written = await writeArchive(draft, archiveOf(model, files, watched))
      await place(draft, target, input)
      return { path: target, ...written }
    } catch (error) {
      throw fileError(error, 'file/unwritable', target)
    } finally {
      await rm(draft, { force: true })
    }
  })
}

/** The bytes of a model's archive. */
export function archiveOf(model: InstalledModel, files: readonly OutgoingContent[], watched: Watched<Event>): AsyncIterable<Uint8Array> {
  const progress = new Progress(files, watched)
  const body = (file: OutgoingContent): AsyncIterable<Uint8Array> => progress.count(file.path, checkedBytes(model, file, watched.signal))
  return storedGzip(tarStream(files.map((file) => ({ path: file.path, sizeBytes: file.sizeBytes, body: () => body(file) }))))
}

async function checkFree(target: string, { path, model, replace }: ValidInput<'model.pack'>): Promise<void> {
  const kind = await kindOf(target)
  if (kind === undefined || (kind === 'file' && replace)) return
  const inside = `name a file in it, e.g. ${path.replace(/\/$/, '')}/${model}.axon`
  const hint = kind === 'folder' ? inside : `choose another path${kind === 'file' ? ', or replace it' : ''}`
  throw new SomaError('file/exists', `${path} is a ${kind} that exists; ${hint}`, { details: { path } })
}

async function checkSpace(target: string, files: readonly OutgoingContent[]): Promise<void> {
  const neededBytes = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  const { freeBytes } = await diskSpace(dirname(target))
  if (neededBytes <= freeBytes) return
  throw new SomaError('store/disk-full', `${target} needs ${neededBytes} bytes of disk; ${freeBytes} are free`, {
    details: { neededBytes, freeBytes },
  })
}

async function writeArchive(draft: string, bytes: AsyncIterable<Uint8Array>): Promise<Omit<Output, 'path'>> {
  await using file = await open(draft, 'wx', 0o644)
  const hash = createHash('sha256')
  let sizeBytes = 0
  for await (const chunk of bytes) {
    await writeAll(file, chunk)
    hash.update(chunk)
    sizeBytes += chunk.byteLength
  }
  await file.sync()
  return { sizeBytes, digest: `sha256:${hash.digest('hex')}` as BlobDigest }
}

/** One write may take less than it was given. */
async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.byteLength;) at += (await file.write(chunk, at)).bytesWritten
}

/** A rename replaces; a link does not, so that a file which appeared meanwhile is not lost. */
async function place(draft: string, target: string, { path, replace }: ValidInput<'model.pack'>): Promise<void> {
  if (replace) await rename(draft, target)
  else
    await link(draft, target).catch(async (error: unknown) => {
      const { code } = error as { code?: unknown }
      if (code === 'EEXIST')
        throw new SomaError('file/exists', `${path} appeared meanwhile; nothing was overwritten`, { details: { path }, cause: error })
      // Not every file system has links.
      await rename(draft, target)
    })
  await using folder = await open(dirname(target), 'r')
  await folder.sync()
}

/** Counts what was read of each file. */
class Progress {
  readonly #totalBytes: number
  readonly #report: (event: Event) => void
  #writtenBytes = 0

  constructor(files: readonly OutgoingContent[], { report }: Watched<Event>) {
    this.#totalBytes = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    this.#report = report
  }

  async *count(path: string, bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
    let nextAt = this.#writtenBytes + PROGRESS_BYTES
    for await (const chunk of bytes) {
      yield chunk
      this.#writtenBytes += chunk.byteLength
      if (this.#writtenBytes < nextAt) continue
      nextAt = this.#writtenBytes + PROGRESS_BYTES
      this.#tell(path)
    }
    this.#tell(path)
  }

  #tell(path: string): void {
    this.#report({ path, writtenBytes: this.#writtenBytes, totalBytes: this.#totalBytes })
  }
}
