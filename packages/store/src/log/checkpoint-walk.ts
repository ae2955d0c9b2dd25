import { VERIFY_PAGE_CHECKPOINTS } from '../limits.ts'
import { GENESIS, type Link } from './chain.ts'
import type { CheckpointVerifier } from './checkpoint-signature.ts'
import type { CheckpointTable, NumberedCheckpoint } from './checkpoint-table.ts'
import type { EntryTable } from './entry-table.ts'
import type { ProblemList } from './problem-list.ts'

export interface CheckpointWalkOptions {
  /** How things stood when the verification began: later checkpoints are the next one's. */
  readonly head: Link
  readonly lastNumber: number
  readonly fileSizeBytes: number
  readonly verifier: CheckpointVerifier
}

/** Checks every checkpoint: its signatures, that it lies on the chain, and that both places that keep it agree. */
export class CheckpointWalk {
  readonly #tables: { readonly entries: EntryTable; readonly checkpoints: CheckpointTable }
  readonly #found: ProblemList
  readonly #options: CheckpointWalkOptions
  #expectedNumber = 1
  #filePosition = 0

  constructor(
    tables: { readonly entries: EntryTable; readonly checkpoints: CheckpointTable },
    found: ProblemList,
    options: CheckpointWalkOptions,
  ) {
    this.#tables = tables
    this.#found = found
    this.#options = options
  }

  /** @returns how many checkpoints there are. */
  async run(): Promise<number> {
    const { lastNumber, fileSizeBytes } = this.#options
    let count = 0
    for (let after = 0; after < lastNumber && !this.#found.isFull; await this.#found.pause()) {
      const page = this.#page(after).filter(({ number }) => number <= lastNumber)
      if (page.length === 0) break
      for (const checkpoint of page) this.#check(checkpoint)
      count += page.length
      after = Math.max(after + 1, this.#expectedNumber - 1)
    }
    this.#checkGap(lastNumber + 1)
    if (this.#filePosition !== fileSizeBytes && !this.#found.isFull)
      this.#found.report('log/checkpoints.jsonl', `is ${fileSizeBytes} bytes long where ${this.#filePosition} were written`)
    return count
  }

  #page(after: number): NumberedCheckpoint[] {
    try {
      return this.#tables.checkpoints.rows(after, VERIFY_PAGE_CHECKPOINTS)
    } catch (error) {
      this.#found.report('table checkpoints', (error as Error).message)
      return []
    }
  }

  #check(numbered: NumberedCheckpoint): void {
    this.#checkGap(numbered.number)
    this.#expectedNumber = numbered.number + 1
    const problems = [...this.#signatureProblems(numbered), ...this.#chainProblems(numbered), ...this.#fileProblems(numbered)]
    for (const what of problems) this.#found.report(`checkpoint ${numbered.number}`, what)
  }

  #checkGap(number: number): void {
    for (let missing = this.#expectedNumber; missing < number && !this.#found.isFull; missing++)
      this.#found.report(`checkpoint ${missing}`, 'missing')
  }

  #signatureProblems({ checkpoint }: NumberedCheckpoint): string[] {
    return this.#options.verifier(checkpoint).map((algorithm) => `its ${algorithm} signature does not hold`)
  }

  #chainProblems({ checkpoint: { seq, hash } }: NumberedCheckpoint): string[] {
    const { head } = this.#options
    if (seq > head.seq) return [`was signed for a log of ${seq} entries, which now ends at ${head.seq}`]
    const onChain = seq === 0 ? GENESIS.hash : this.#storedHash(seq)
    return onChain === hash ? [] : [`was signed for another entry ${seq} than the log has: it was forked or rewritten`]
  }

  #storedHash(seq: number): unknown {
    try {
      return this.#tables.entries.row(seq)?.['hash']
    } catch {
      return undefined
    }
  }

  #fileProblems(numbered: NumberedCheckpoint): string[] {
    const isInPlace = numbered.position === this.#filePosition && this.#tables.checkpoints.isInFile(numbered)
    this.#filePosition += this.#tables.checkpoints.lineBytes(numbered)
    return isInPlace ? [] : ['differs from its line in log/checkpoints.jsonl']
  }
}
