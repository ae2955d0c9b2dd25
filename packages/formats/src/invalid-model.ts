import { SomaError } from '@soma/core'
import { QUOTED_LENGTH_MAX } from './limits.ts'

/**
 * The error for a model file that is not what it should be.
 * @param name what messages call the file: its path in the package.
 * @param offset byte at which it was noticed.
 * @param expected a noun: `a length inside the file`.
 * @param found what is there instead, short; what came from the file goes through `quote`.
 */
export function invalidModel(name: string, offset: number, expected: string, found: string | number | bigint): SomaError {
  const shown = typeof found === 'string' ? found : String(found)
  return new SomaError(
    'package/invalid-model',
    `${name} is cut short, damaged or not what its name says: expected ${expected} at byte ${offset}, found ${shown}. Get the file anew.`,
    { details: { path: name, offset, expected, found: shown } },
  )
}

/** Text that came from a file, for a message: quoted, shortened, without control characters. */
export function quote(text: string): string {
  const quoted = JSON.stringify(text.length > QUOTED_LENGTH_MAX ? `${text.slice(0, QUOTED_LENGTH_MAX)}…` : text)
  // JSON leaves DEL and the C1 controls as they are, and a terminal would obey them.
  return quoted.replace(/[\u007f-\u009f\u2028\u2029]/g, '?')
}
