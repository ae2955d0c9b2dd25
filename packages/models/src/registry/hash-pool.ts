import { Worker } from 'node:worker_threads'
import { type BlobDigest, SomaError, abortError, isBlobDigest, throwIfAborted } from '@soma/core'

/**
 * What a worker runs. As text, because the daemon is one file when it is released, and a worker needs one of its own. Told a path, it
 * says how far it is, and in the end the file's sha256: null when there is no such file, or why it could not be read.
 */
const program = `
const { createHash } = require('node:crypto')
const { openSync, readSync, closeSync } = require('node:fs')
const { parentPort } = require('node:worker_threads')
const buffer = Buffer.allocUnsafeSlow(1024 * 1024)
const REPORT_BYTES = 64 * 1024 * 1024
const hashFile = (path) => {
  const file = openSync(path)
  try {
    const hash = createHash('sha256')
    for (let hashedBytes = 0, reportedBytes = 0; ; ) {
      const bytesRead = readSync(file, buffer)
      if (bytesRead === 0) return { hex: hash.digest('hex') }
      hash.update(buffer.subarray(0, bytesRead))
      hashedBytes += bytesRead
      if (hashedBytes - reportedBytes < REPORT_BYTES) continue
      reportedBytes = hashedBytes
      parentPort.postMessage({ hashedBytes })
    }
  } finally {
    closeSync(file)
  }
}
parentPort.on('message', (path) => {
  try {
    parentPort.postMessage(hashFile(path))
  } catch (error) {
    parentPort.postMessage(error.code === 'ENOENT' ? { hex: null } : { failure: error.message })
  }
})
`

type Message = { readonly hashedBytes: number } | { readonly hex: string | null } | { readonly failure: string }

export interface HashOptions {
  readonly signal: AbortSignal
  readonly progress: (hashedBytes: number) => void
}

/** Threads that hash files: each gets a CPU of its own, and none takes time from the calls of others. */
export class HashPool implements AsyncDisposable {
  readonly #idle: Worker[] = []
  readonly #all = new Set<Worker>()

  /**
   * The digest of a file, or null when there is none. As many threads are started as files are hashed at once.
   * @throws {SomaError} `file/unreadable`.
   */
  async hash(path: string, options: HashOptions): Promise<BlobDigest | null> {
    throwIfAborted(options.signal)
    const worker = this.#idle.pop() ?? this.#start()
    const hex = await ask(worker, path, options)
    this.#idle.push(worker)
    const digest = `sha256:${hex}`
    return isBlobDigest(digest) ? digest : null
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#all].map((worker) => worker.terminate()))
  }

  #start(): Worker {
    const worker = new Worker(program, { eval: true, env: {}, name: 'hash' })
    this.#all.add(worker)
    return worker
  }
}

async function ask(worker: Worker, path: string, { signal, progress }: HashOptions): Promise<string | null> {
  const { promise, resolve, reject } = Promise.withResolvers<string | null>()
  const onMessage = (message: Message): void => {
    if ('hashedBytes' in message) progress(message.hashedBytes)
    else if ('hex' in message) resolve(message.hex)
    else reject(new SomaError('file/unreadable', `${path} cannot be read: ${message.failure}`, { details: { path } }))
  }
  const onAbort = (): void => reject(abortError(signal))
  worker.on('message', onMessage).on('error', reject)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    worker.postMessage(path, [])
    return await promise
  } finally {
    worker.off('message', onMessage).off('error', reject)
    signal.removeEventListener('abort', onAbort)
  }
}
