import type { PickleValue } from './values.ts'

/** How numpy writes a dtype: order, kind, size, unit of time: `<f8`, `O8`, `M8[ns]`. Others may hide what they hold. */
const CODE = /^[<>|=]?[?bBiufcmMSUVO]\d{0,10}(\[\w{1,16}\])?$/
/** Flags of a dtype whose elements are pointers to Python objects, and of a record with such; they keep raw bytes from being taken for them. */
const OBJECT_FLAGS = 63
const RECORD_FLAGS = 27

/** The text a dtype was made from; null when it is not one that numpy writes. */
export function dtypeCode(argument: PickleValue): string | null {
  const first = argument.kind === 'tuple' ? argument.items[0] : undefined
  return first?.kind === 'text' && CODE.test(first.text) ? first.text : null
}

/**
 * Whether the state given to a dtype says that it holds no objects although it does: numpy believes it, and would then follow
 * pointers that the file made up. The state is `(version, order, subdtype, names, fields, size, alignment, flags)`.
 * @param objects whether a dtype of objects was made before, which a record may contain.
 */
export function hasFalseFlags(code: string, state: PickleValue, objects: boolean): boolean {
  const flags = state.kind === 'tuple' ? state.items[7] : undefined
  const value = flags?.kind === 'integer' ? flags.value : 0
  if (code.includes('O')) return (value & OBJECT_FLAGS) !== OBJECT_FLAGS
  return code.includes('V') && objects && (value & RECORD_FLAGS) !== RECORD_FLAGS
}
