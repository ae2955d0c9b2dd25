import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { abortError, throwIfAborted } from '@soma/core'
import { type Artifact, type Download, type DownloadOptions, streamBody } from '@soma/spec'
import { changedOnDisk, fileError } from './errors.ts'
import { READ_BYTES } from './limits.ts'
import { fileState, parseKey } from './state.ts'

/** Opens the file, which must still be the one that was resolved; another validator than its state starts over. */
export async function downloadFile(artifact: Artifact, { offset, validator, signal }: DownloadOptions): Promise<Download> {
  throwIfAborted(signal)
  const { path, state } = parseKey(artifact.key)
  // Non-blocking, because opening a pipe that has come in the file's place would wait for its writer for ever.
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((thrown: unknown) => {
    throw fileError(thrown, path)
  })
  try {
    const stats = await handle.stat({ bigint: true })
    if (fileState(stats) !== state) throw changedOnDisk(path)
    const start = (validator === undefined || validator === state) && offset <= Number(stats.size) ? offset : 0
    return { offset: start, sizeBytes: Number(stats.size), validator: state, body: bodyOf(handle, path, { start, signal }) }
  } catch (thrown) {
    await handle.close()
    throw fileError(thrown, path)
  }
}

function bodyOf(handle: FileHandle, path: string, { start, signal }: { start: number; signal: AbortSignal }): Download['body'] {
  const stream = handle.createReadStream({ start, signal, highWaterMark: READ_BYTES })
  return streamBody(stream, (thrown) => (signal.aborted ? abortError(signal) : fileError(thrown, path)))
}
