import { isSomaError } from '@soma/core'
import { Cursor } from '../cursor.ts'
import type { ByteReader } from '../reader.ts'
import { type PicklePolicy, weightsPolicy } from './allowed.ts'
import { PICKLE_CONCATENATED_MAX, PICKLE_FINDINGS_MAX, PICKLE_OPCODES_MAX } from './limits.ts'
import { type MachineEvents, type PickleFinding, PickleMachine } from './machine.ts'
import { STOP, opcodes } from './opcodes.ts'
import { readArgument } from './read-argument.ts'
import { unsafePickle } from './unsafe-pickle.ts'
import { type PickleGlobal, type PickleValue, globalName } from './values.ts'

export interface PickleScanOptions {
  /** Where the first pickle begins, and where nothing more is read. */
  readonly begin?: number
  readonly end?: number
  /** How many pickles there are, one after another; all up to the end when absent. */
  readonly count?: number
  /** What may be named; what weights need when absent. */
  readonly policy?: PicklePolicy
  /** Findings are collected instead of thrown. */
  readonly allowUnsafe?: boolean
  /** An allowed function is called with `argument`. */
  readonly onCall?: (global: PickleGlobal, argument: PickleValue) => void
  /** Something that the loading program brings is asked for. */
  readonly onPersistent?: (id: PickleValue) => void
}

export interface PickleScan {
  /** What it names, each once, in order. */
  readonly globals: readonly string[]
  /** Empty unless `allowUnsafe`. */
  readonly findings: readonly PickleFinding[]
  readonly pickles: number
  /** Results of the pickles, as far as they are known; of the first few. */
  readonly results: readonly PickleValue[]
  /** Behind the last pickle. */
  readonly end: number
}

/** Results kept: no format puts more than five pickles in one file that matter. */
const RESULTS_MAX = 8

/**
 * Goes through pickles opcode by opcode, without unpickling anything, and checks everything they name or call against an allow-list.
 * @throws {SomaError} `package/unsafe-pickle` naming the call and its offset; `package/invalid-model` for what is no pickle.
 */
export async function scanPickle(reader: ByteReader, options: PickleScanOptions = {}): Promise<PickleScan> {
  const scan = new Scan(reader, options)
  const { count = PICKLE_CONCATENATED_MAX } = options
  try {
    do await scan.pickle()
    while (scan.results.pickles < count && (options.count !== undefined || scan.cursor.remaining > 0))
  } catch (error) {
    // After a call that is not understood, what follows may be no opcodes at all.
    if (scan.findings.length === 0 || !isSomaError(error, 'package/invalid-model')) throw error
  }
  if (options.count === undefined && scan.cursor.remaining > 0 && scan.findings.length === 0)
    throw scan.cursor.invalid(`at most ${PICKLE_CONCATENATED_MAX} pickles`, 'more')
  return { ...scan.results, globals: [...scan.globals], findings: scan.findings, end: scan.cursor.offset }
}

class Scan implements MachineEvents {
  readonly cursor: Cursor
  readonly globals = new Set<string>()
  readonly findings: PickleFinding[] = []
  readonly results: { pickles: number; results: PickleValue[] } = { pickles: 0, results: [] }
  readonly #options: PickleScanOptions
  #opcodes = 0

  constructor(reader: ByteReader, options: PickleScanOptions) {
    const { begin: offset = 0, end = reader.sizeBytes } = options
    this.cursor = new Cursor(reader, { offset, end })
    this.#options = options
  }

  /** One pickle, up to its `STOP`. */
  async pickle(): Promise<void> {
    const { cursor } = this
    const machine = new PickleMachine(cursor.name, this.#options.policy ?? weightsPolicy, this)
    for (;;) {
      const wait = cursor.need(1)
      if (wait) await wait
      const offset = cursor.offset
      const byte = cursor.u8()
      const opcode = opcodes[byte]
      if (!opcode) throw cursor.invalid('a pickle opcode', byte, offset)
      if (++this.#opcodes > PICKLE_OPCODES_MAX) throw cursor.invalid(`at most ${PICKLE_OPCODES_MAX} opcodes`, 'more', offset)
      machine.site = { opcode: opcode.name, offset }
      if (byte === STOP) return this.#finish(machine)
      const argument = readArgument(cursor, opcode.argument)
      opcode.apply(machine, argument instanceof Promise ? await argument : argument)
    }
  }

  global(global: PickleGlobal): void {
    if (this.globals.size < PICKLE_FINDINGS_MAX) this.globals.add(globalName(global))
  }

  finding(finding: PickleFinding): void {
    if (!this.#options.allowUnsafe) throw unsafePickle(this.cursor.name, finding)
    if (this.findings.length < PICKLE_FINDINGS_MAX) this.findings.push(finding)
  }

  call(global: PickleGlobal, argument: PickleValue): void {
    this.#options.onCall?.(global, argument)
  }

  persistent(id: PickleValue): void {
    this.#options.onPersistent?.(id)
  }

  #finish(machine: PickleMachine): void {
    const result = machine.stop()
    this.results.pickles++
    if (this.results.results.length < RESULTS_MAX) this.results.results.push(result)
  }
}
