import { type FileHandle, open } from 'node:fs/promises'
import { SomaError, throwIfAborted } from '@soma/core'
import { invalidModel } from './invalid-model.ts'
import { WINDOW_BYTES } from './limits.ts'

/** Random access to a file's bytes. */
export interface ByteReader {
  /** What messages call the file: its path in the package. */
  readonly name: string
  readonly sizeBytes: number
  /**
   * The bytes from `begin` up to, not including, `end`. They stay as they are after later reads, and are not to be changed.
   * @throws {SomaError} `package/invalid-model` naming the offset, when the range leaves the file; `file/unreadable`; `call/cancelled`.
   */
  read(begin: number, end: number): Promise<Uint8Array>
}

/** Reads bytes that are in memory already. */
export function bytesReader(name: string, bytes: Uint8Array): ByteReader {
  return {
    name,
    sizeBytes: bytes.byteLength,
    read: async (begin, end) => {
      checkRange(name, bytes.byteLength, { begin, end })
      return bytes.subarray(begin, end)
    },
  }
}

/**
 * Opens a file of this machine. Small reads are served from one window, so that going through a header costs few system calls.
 * @param options.name what messages call it.
 * @throws {SomaError} `file/unreadable` when it cannot be opened or is no regular file.
 */
export async function openFileReader(
  localPath: string,
  options: { readonly name: string; readonly signal?: AbortSignal | undefined },
): Promise<ByteReader & AsyncDisposable> {
  throwIfAborted(options.signal)
  const { name } = options
  const file = await open(localPath, 'r').catch((cause: unknown) => {
    throw unreadable(name, cause)
  })
  try {
    const stats = await file.stat()
    if (!stats.isFile()) throw unreadable(name, new Error('not a regular file'))
    return new FileReader(file, stats.size, options)
  } catch (error) {
    await file.close()
    throw error
  }
}

class FileReader implements ByteReader, AsyncDisposable {
  readonly name: string
  readonly sizeBytes: number
  readonly #file: FileHandle
  readonly #signal: AbortSignal | undefined
  #window: Uint8Array = new Uint8Array(0)
  #windowAt = 0

  constructor(file: FileHandle, sizeBytes: number, options: { readonly name: string; readonly signal?: AbortSignal | undefined }) {
    this.#file = file
    this.sizeBytes = sizeBytes
    this.name = options.name
    this.#signal = options.signal
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close()
  }

  async read(begin: number, end: number): Promise<Uint8Array> {
    checkRange(this.name, this.sizeBytes, { begin, end })
    if (end - begin > WINDOW_BYTES) return this.#readFile(begin, end)
    if (begin < this.#windowAt || end > this.#windowAt + this.#window.byteLength) {
      // A new array each time: what earlier reads gave out are views of the old one.
      this.#window = await this.#readFile(begin, Math.min(begin + WINDOW_BYTES, this.sizeBytes))
      this.#windowAt = begin
    }
    return this.#window.subarray(begin - this.#windowAt, end - this.#windowAt)
  }

  async #readFile(begin: number, end: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(end - begin)
    for (let filled = 0; filled < bytes.byteLength;) {
      throwIfAborted(this.#signal)
      const { bytesRead } = await this.#file.read(bytes, filled, bytes.byteLength - filled, begin + filled).catch((cause: unknown) => {
        throw unreadable(this.name, cause)
      })
      if (bytesRead === 0) throw invalidModel(this.name, begin + filled, `a file of ${this.sizeBytes} bytes`, 'its end while it was read')
      filled += bytesRead
    }
    return bytes
  }
}

function checkRange(name: string, sizeBytes: number, { begin, end }: { readonly begin: number; readonly end: number }): void {
  // Written so that NaN is refused as well.
  const inside = begin >= 0 && begin <= end && end <= sizeBytes
  if (!inside) throw invalidModel(name, begin, `${end - begin} bytes inside the file (${sizeBytes} bytes)`, `a range up to byte ${end}`)
}

function unreadable(name: string, cause: unknown): SomaError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new SomaError('file/unreadable', `${name} cannot be read: ${reason}`, { details: { path: name, reason }, cause })
}
