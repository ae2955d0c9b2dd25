import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs'
import { type Link, linkChecksum, readLink } from './chain.ts'

const SEQ_DIGITS = 16
/** `<seq, 16 digits> <hash, 64> <checksum, 64>\n`. */
const LINE_BYTES = SEQ_DIGITS + 1 + 64 + 1 + 64 + 1

/**
 * A copy of the log's head outside the database, written after every synced commit. SQLite takes a damaged or missing WAL for
 * one that was never written and quietly opens an older state; this file is the witness that there was more. It is not
 * synced: it may lag behind after a power failure, but it is never ahead of what was acknowledged.
 */
export class HeadFile implements Disposable {
  readonly #descriptor: number

  constructor(path: string) {
    this.#descriptor = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600)
  }

  /** @returns the last head written, `empty` when there was none yet, `damaged` when the file is not what was written. */
  read(): Link | 'empty' | 'damaged' {
    const buffer = Buffer.alloc(LINE_BYTES + 1)
    const size = readSync(this.#descriptor, buffer, 0, buffer.length, 0)
    if (size === 0) return 'empty'
    const [seq = '', hash, checksum] = buffer.toString('latin1', 0, LINE_BYTES - 1).split(' ')
    const link = /^\d+$/.test(seq) ? readLink(Number(seq), hash, checksum) : undefined
    return size === LINE_BYTES && buffer[LINE_BYTES - 1] === 0x0a && link ? link : 'damaged'
  }

  write(link: Link): void {
    const line = `${String(link.seq).padStart(SEQ_DIGITS, '0')} ${link.hash} ${linkChecksum(link)}\n`
    writeSync(this.#descriptor, line, 0, 'latin1')
  }

  [Symbol.dispose](): void {
    closeSync(this.#descriptor)
  }
}
