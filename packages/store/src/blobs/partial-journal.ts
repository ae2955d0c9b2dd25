import { type FileHandle, open } from 'node:fs/promises'
import { crc32 } from 'node:zlib'
import { hasErrorCode } from '../files.ts'
import { JOURNAL_BYTES_MAX } from '../limits.ts'

/** What is known of a chunk: so many bytes from its beginning, and their CRC-32. */
export interface ChunkState {
  readonly bytes: number
  readonly crc: number
}

/** What the bytes are of. */
export interface JournalHeader {
  readonly key: string
  readonly chunkBytes: number
  readonly validator: string | undefined
}

export interface JournalContents {
  readonly header: JournalHeader
  readonly chunks: Map<number, ChunkState>
}

/**
 * What is known of the chunks of a download, as lines that are only ever appended: `\n<crc> <text>`, first the header, then a line
 * each time that a chunk's state changes. A line that a crash tore, or the disk damaged, does not match its CRC and is passed over;
 * the line feed in front keeps it from spoiling the next. Nothing is synced: after a power cut the chunks' own CRCs tell whether
 * the bytes came to the disk, too.
 */
export class PartialJournal {
  readonly #path: string
  #handle: Promise<FileHandle> | undefined
  #begun: boolean
  #last: Promise<unknown> = Promise.resolve()

  /** `begun`: the file has a header that goes for what is appended. */
  constructor(path: string, begun: boolean) {
    this.#path = path
    this.#begun = begun
  }

  /** @returns undefined when there is none, or none that can be read. */
  static async read(path: string): Promise<JournalContents | undefined> {
    const text = await readBounded(path)
    if (text === undefined) return undefined
    const [first, ...lines] = text.split('\n').flatMap((line) => checkedText(line) ?? [])
    const header = first === undefined ? undefined : parseHeader(first)
    return header && { header, chunks: parseChunks(lines) }
  }

  /** Appends the chunk's state, after the header if that is not there yet. */
  async append(header: JournalHeader, chunk: number, { bytes, crc }: ChunkState): Promise<void> {
    const text = (this.#begun ? '' : line(JSON.stringify(header))) + line(`${chunk} ${bytes} ${crc}`)
    this.#begun = true
    // One after the other, so that a later state of a chunk stands below an earlier one.
    const appended = this.#last.then(async () => (await this.#open()).appendFile(text, 'latin1'))
    this.#last = appended.catch(() => undefined)
    await appended
  }

  /** Forgets everything. */
  async clear(): Promise<void> {
    await this.#last
    this.#begun = false
    await (await this.#open()).truncate(0)
  }

  async close(): Promise<void> {
    await this.#last
    const handle = this.#handle
    this.#handle = undefined
    await (await handle)?.close()
  }

  #open(): Promise<FileHandle> {
    return (this.#handle ??= open(this.#path, 'a', 0o600))
  }
}

async function readBounded(path: string): Promise<string | undefined> {
  try {
    await using handle = await open(path, 'r')
    const { size } = await handle.stat()
    return size > JOURNAL_BYTES_MAX ? undefined : await handle.readFile('latin1')
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return undefined
    throw error
  }
}

function line(text: string): string {
  const bytes = Buffer.from(text)
  return `\n${crc32(bytes).toString(16).padStart(8, '0')} ${bytes.toString('latin1')}`
}

/** The text of a line that is what was written; bytes as latin1, because a damaged line is no UTF-8. */
function checkedText(text: string): string | undefined {
  const body = text.slice(9)
  const intact = body !== '' && text[8] === ' ' && Number.parseInt(text.slice(0, 8), 16) === crc32(Buffer.from(body, 'latin1'))
  return intact ? body : undefined
}

function parseHeader(text: string): JournalHeader | undefined {
  if (!text.startsWith('{')) return undefined
  const { key, chunkBytes, validator } = JSON.parse(Buffer.from(text, 'latin1').toString()) as Record<string, unknown>
  if (typeof key !== 'string' || typeof chunkBytes !== 'number') return undefined
  return { key, chunkBytes, validator: typeof validator === 'string' ? validator : undefined }
}

function parseChunks(lines: readonly string[]): Map<number, ChunkState> {
  const chunks = new Map<number, ChunkState>()
  for (const text of lines) {
    const [chunk, bytes, crc] = text.split(' ').map(Number)
    if (chunk === undefined || bytes === undefined || crc === undefined) continue
    if (bytes > 0) chunks.set(chunk, { bytes, crc })
    else chunks.delete(chunk)
  }
  return chunks
}
