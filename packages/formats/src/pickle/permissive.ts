import { isSomaError } from '@soma/core'
import type { ByteReader } from '../reader.ts'
import type { PickleFinding } from './machine.ts'
import { type PickleScanOptions, scanPickle } from './scan.ts'
import { unsafePickle } from './unsafe-pickle.ts'

/**
 * Checks a file that may be a pickle, or just bytes: its name does not tell, and an unpickler that is given it would run up to
 * the first byte that is no opcode. So does this.
 * @returns what was found, when `allowUnsafe`.
 * @throws {SomaError} `package/unsafe-pickle`.
 */
export async function scanMaybePickle(reader: ByteReader, options: PickleScanOptions = {}): Promise<readonly PickleFinding[]> {
  const findings = (await collect(reader, options)).filter(options.allowUnsafe ? () => true : namesSomething)
  const [first] = findings
  if (first && !options.allowUnsafe) throw unsafePickle(reader.name, first)
  return findings
}

/** Bytes that only look like opcodes may well seem to call nothing, or an extension. */
function namesSomething({ global, opcode }: PickleFinding): boolean {
  return global !== null || opcode === 'STACK_GLOBAL'
}

async function collect(reader: ByteReader, options: PickleScanOptions): Promise<readonly PickleFinding[]> {
  try {
    return (await scanPickle(reader, { ...options, allowUnsafe: true })).findings
  } catch (error) {
    if (isSomaError(error, 'package/invalid-model')) return []
    throw error
  }
}
