import { isSomaError } from '@soma/core'
import type { ByteReader } from '../reader.ts'
import type { PickleFinding } from './machine.ts'
import { type PickleScanOptions, scanPickle } from './scan.ts'
import { unsafePickle } from './unsafe-pickle.ts'

/** What became of a file that may be a pickle. */
export interface MaybePickle {
  /** It is one from its begin to its end, or would do something on the way to where it is none. */
  readonly isPickle: boolean
  /** Empty unless `allowUnsafe`. */
  readonly findings: readonly PickleFinding[]
}

/**
 * Checks a file that may be a pickle, or just bytes: its name does not tell, and an unpickler that is given it would run up to
 * the first byte that is no opcode. So does this.
 * @throws {SomaError} `package/unsafe-pickle`.
 */
export async function scanMaybePickle(reader: ByteReader, options: PickleScanOptions = {}): Promise<MaybePickle> {
  const { isPickle, findings: all } = await collect(reader, options)
  const declared = await beginsWithProtocol(reader, options.begin ?? 0)
  const reached = untilExtension(all)
  const findings = declared ? reached : reached.filter(namesSomething)
  const [first] = findings
  if (first && !options.allowUnsafe) throw unsafePickle(reader.name, first)
  // Python fails at what is left out here, so it is no pickle.
  return { isPickle: isPickle && findings.length === all.length, findings }
}

/** Python stops at an entry of the extension registry that nobody made, and no loader of weights makes any. */
function untilExtension(findings: readonly PickleFinding[]): readonly PickleFinding[] {
  const end = findings.findIndex(({ opcode }) => opcode.startsWith('EXT'))
  return end < 0 ? findings : findings.slice(0, end)
}

/** Bytes that only look like opcodes may well seem to call nothing. */
function namesSomething({ global, opcode }: PickleFinding): boolean {
  return global !== null || opcode === 'STACK_GLOBAL'
}

/** `PROTO` and a version: what Python has written since protocol 2. */
async function beginsWithProtocol(reader: ByteReader, begin: number): Promise<boolean> {
  if (reader.sizeBytes < begin + 2) return false
  const [opcode = 0, version = 0] = await reader.read(begin, begin + 2)
  return opcode === 0x80 && version >= 2 && version <= 5
}

async function collect(reader: ByteReader, options: PickleScanOptions): Promise<MaybePickle> {
  try {
    return { isPickle: true, findings: (await scanPickle(reader, { ...options, allowUnsafe: true })).findings }
  } catch (error) {
    if (isSomaError(error, 'package/invalid-model')) return { isPickle: false, findings: [] }
    throw error
  }
}
