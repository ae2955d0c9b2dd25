import { closeSync, constants, fstatSync, fsyncSync, ftruncateSync, openSync, readSync, writeFileSync } from 'node:fs'
import type { StatementSync } from 'node:sqlite'
import { type Log, canonicalJson } from '@soma/core'
import type { Checkpoint } from '@soma/spec'
import type { Database } from '../database/database.ts'
import { translateFileError } from '../files.ts'
import { CHECKPOINT_LINE_BYTES_MAX } from '../limits.ts'
import type { CheckpointVerifier } from './checkpoint-signature.ts'

/** A checkpoint with its number, from 1, and where its line begins in the file. */
export interface NumberedCheckpoint {
  readonly number: number
  readonly position: number
  readonly checkpoint: Checkpoint
}

/**
 * The signed checkpoints, kept twice: in the database, and as lines of `log/checkpoints.jsonl`, which can be copied elsewhere
 * while the daemon runs. The file is written first, so that it always has what the database has.
 */
export class CheckpointTable implements Disposable {
  readonly #database: Database
  readonly #insert: StatementSync
  readonly #after: StatementSync
  readonly #descriptor: number
  #last: { readonly number: number; readonly end: number }

  constructor(database: Database, path: string) {
    this.#database = database
    const columns = 'number, position, seq, hash, at, ed25519, ml_dsa65'
    this.#insert = database.prepare(`INSERT INTO checkpoints (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?)`)
    this.#after = database.prepare(`SELECT ${columns} FROM checkpoints WHERE number > ? ORDER BY number LIMIT ?`)
    this.#last = this.#readLast()
    this.#descriptor = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_APPEND, 0o600)
  }

  #readLast(): { number: number; end: number } {
    const row = this.#database.guard(() =>
      this.#database
        .prepare('SELECT number, position, seq, hash, at, ed25519, ml_dsa65 FROM checkpoints ORDER BY number DESC LIMIT 1')
        .get(),
    )
    if (!row) return { number: 0, end: 0 }
    const { number, position, checkpoint } = readRow(row)
    return { number, end: position + checkpointLine(number, checkpoint).length }
  }

  get lastNumber(): number {
    return this.#last.number
  }

  /** Size of the file. */
  get sizeBytes(): number {
    return fstatSync(this.#descriptor).size
  }

  /**
   * Settles a crash between the file and the database: a whole, genuine line that the database lacks is taken in, a torn one
   * is cut off. Anything else stays for `verify` to find.
   */
  recover(verifier: CheckpointVerifier, log: Log): void {
    const { number, end } = this.#last
    const extraBytes = this.sizeBytes - end
    if (extraBytes <= 0 || extraBytes > CHECKPOINT_LINE_BYTES_MAX || !this.#isLineEnd(end)) return
    const text = this.#readFile(end, extraBytes).toString('utf8')
    const checkpoint = parseLine(text, number + 1)
    if (checkpoint && verifier(checkpoint).length === 0) this.#store(checkpoint, end)
    else if (!text.includes('\n')) {
      log.warn('an unfinished checkpoint is removed', { bytes: extraBytes })
      ftruncateSync(this.#descriptor, end)
    }
  }

  /** Whether a line may begin here: a damaged row must not make us cut into sound ones. */
  #isLineEnd(position: number): boolean {
    return position === 0 || (position > 0 && this.#readFile(position - 1, 1)[0] === 0x0a)
  }

  /** Keeps a checkpoint, durably. @throws {SomaError} `store/disk-full`. */
  add(checkpoint: Checkpoint): void {
    const position = this.sizeBytes
    try {
      writeFileSync(this.#descriptor, checkpointLine(this.#last.number + 1, checkpoint))
      fsyncSync(this.#descriptor)
      this.#store(checkpoint, position)
    } catch (error) {
      ftruncateSync(this.#descriptor, position)
      throw translateFileError(error, 'write a checkpoint')
    }
  }

  #store(checkpoint: Checkpoint, position: number): void {
    const number = this.#last.number + 1
    const { seq, hash, at, ed25519, mlDsa65 } = checkpoint
    this.#database.guard(() => this.#insert.run(number, position, seq, hash, at, ed25519, mlDsa65))
    this.#last = { number, end: position + checkpointLine(number, checkpoint).length }
  }

  /** Checkpoints with `number > afterNumber` in order, unchecked. */
  rows(afterNumber: number, limit: number): NumberedCheckpoint[] {
    return this.#database.guard(() => this.#after.all(afterNumber, limit)).map(readRow)
  }

  /** Whether the file has this checkpoint where it belongs. */
  isInFile({ number, position, checkpoint }: NumberedCheckpoint): boolean {
    const line = checkpointLine(number, checkpoint)
    return position >= 0 && this.#readFile(position, line.length).equals(line)
  }

  /** Bytes of the checkpoint's line in the file. */
  lineBytes({ number, checkpoint }: NumberedCheckpoint): number {
    return checkpointLine(number, checkpoint).length
  }

  #readFile(position: number, sizeBytes: number): Buffer {
    const buffer = Buffer.alloc(sizeBytes)
    return buffer.subarray(0, readSync(this.#descriptor, buffer, 0, sizeBytes, position))
  }

  [Symbol.dispose](): void {
    closeSync(this.#descriptor)
  }
}

/** A checkpoint as a line of the file. */
function checkpointLine(number: number, checkpoint: Checkpoint): Buffer {
  return Buffer.from(`${canonicalJson({ ...checkpoint, number })}\n`)
}

function parseLine(text: string, number: number): Checkpoint | undefined {
  try {
    const { seq, hash, at, ed25519, mlDsa65 } = JSON.parse(text) as Checkpoint
    const checkpoint = { seq, hash, at, ed25519, mlDsa65 }
    return checkpointLine(number, checkpoint).toString() === text ? checkpoint : undefined
  } catch {
    return undefined
  }
}

function readRow(row: Readonly<Record<string, unknown>>): NumberedCheckpoint {
  const checkpoint = {
    seq: integer(row['seq']),
    hash: String(row['hash']),
    at: integer(row['at']),
    ed25519: String(row['ed25519']),
    mlDsa65: String(row['ml_dsa65']),
  }
  return { number: integer(row['number']), position: integer(row['position']), checkpoint }
}

/** A damaged number is one that no checkpoint has. */
function integer(value: unknown): number {
  return Number.isSafeInteger(value) ? (value as number) : -1
}
