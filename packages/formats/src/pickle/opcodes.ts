import type { PickleMachine } from './machine.ts'
import { PICKLE_PROTOCOL_MAX } from './limits.ts'
import { decodeAscii, decodeQuoted, decodeRawUnicode, decodeUtf8 } from './text.ts'
import { OPAQUE, type PickleValue } from './values.ts'

/** How an opcode's argument is written. */
export type ArgumentForm =
  | { readonly form: 'none' }
  /** A number of fixed size. */
  | { readonly form: 'number'; readonly type: 'u8' | 'u16' | 'i32' | 'u32' | 'u64' | 'f64' }
  /** Text up to the end of the line. */
  | { readonly form: 'line'; readonly decode: Decode }
  /** Two lines: a module and a name. */
  | { readonly form: 'names' }
  /** A length, and so many bytes. */
  | { readonly form: 'counted'; readonly length: 'u8' | 'i32' | 'u32' | 'u64'; readonly decode: Decode }

export type Decode = (bytes: Uint8Array) => string | null

/** A number, a text (null: unknown, or too long to be a name), or the two names of `GLOBAL`. */
export interface Argument {
  readonly number: number
  readonly text: string | null
  readonly second: string | null
}

export interface Opcode {
  readonly name: string
  readonly argument: ArgumentForm
  readonly apply: (machine: PickleMachine, argument: Argument) => void
}

const none: ArgumentForm = { form: 'none' }
const number = (type: 'u8' | 'u16' | 'i32' | 'u32' | 'u64' | 'f64'): ArgumentForm => ({ form: 'number', type })
const line = (decode: Decode): ArgumentForm => ({ form: 'line', decode })
const counted = (length: 'u8' | 'i32' | 'u32' | 'u64', decode: Decode = ignored): ArgumentForm => ({ form: 'counted', length, decode })

/** Bytes that cannot be a name: nothing of them is kept. */
export function ignored(): null {
  return null
}

const pushOpaque: Opcode['apply'] = (machine) => machine.push(OPAQUE)
const pushText: Opcode['apply'] = (machine, { text }) => machine.push(text === null ? OPAQUE : { kind: 'text', text })
const pushNumber: Opcode['apply'] = (machine, { number: value }) => machine.push({ kind: 'integer', value })
const popInto: Opcode['apply'] = (machine) => void machine.pop()
const popMark: Opcode['apply'] = (machine) => {
  machine.popMark()
  machine.top()
}
const extension: Opcode['apply'] = (machine, { number: code }) => machine.extension(code)
const collect: Opcode['apply'] = (machine) => {
  machine.popMark()
  machine.push(OPAQUE)
}
const nothing: Opcode['apply'] = () => undefined

/** `INT` and `LONG` in text: how many a storage has may be written so. */
function pushDecimal(machine: PickleMachine, { text }: Argument): void {
  const value = Number.parseInt(text ?? '', 10)
  machine.push(Number.isSafeInteger(value) ? ({ kind: 'integer', value } satisfies PickleValue) : OPAQUE)
}

function memoIndex(machine: PickleMachine, { text }: Argument): number {
  const index = /^\d{1,15}$/.test(text?.trim() ?? '') ? Number(text) : NaN
  if (Number.isNaN(index)) throw machine.invalid('a memo index', 'something else')
  return index
}

function protocol(machine: PickleMachine, { number: version }: Argument): void {
  if (version > PICKLE_PROTOCOL_MAX) throw machine.invalid(`a protocol up to ${PICKLE_PROTOCOL_MAX}`, version)
}

function instance(machine: PickleMachine, { text, second }: Argument): void {
  // The class is looked up, and so imported, even where no mark follows.
  const callee = machine.named(text, second)
  machine.call(callee, { kind: 'tuple', items: machine.popMark() })
}

const rows: ReadonlyArray<readonly [number | string, string, ArgumentForm, Opcode['apply']]> = [
  ['(', 'MARK', none, (machine) => machine.mark()],
  ['0', 'POP', none, (machine) => machine.discard()],
  ['1', 'POP_MARK', none, (machine) => void machine.popMark()],
  ['2', 'DUP', none, (machine) => machine.push(machine.top())],
  ['F', 'FLOAT', line(ignored), pushOpaque],
  ['I', 'INT', line(decodeAscii), pushDecimal],
  ['J', 'BININT', number('i32'), pushNumber],
  ['K', 'BININT1', number('u8'), pushNumber],
  ['M', 'BININT2', number('u16'), pushNumber],
  ['L', 'LONG', line(decodeAscii), pushDecimal],
  [0x8a, 'LONG1', counted('u8', decodeLong), pushDecimal],
  [0x8b, 'LONG4', counted('i32', decodeLong), pushDecimal],
  ['N', 'NONE', none, pushOpaque],
  [0x88, 'NEWTRUE', none, pushOpaque],
  [0x89, 'NEWFALSE', none, pushOpaque],
  ['G', 'BINFLOAT', number('f64'), pushOpaque],
  ['S', 'STRING', line(decodeQuoted), pushText],
  ['T', 'BINSTRING', counted('i32', decodeAscii), pushText],
  ['U', 'SHORT_BINSTRING', counted('u8', decodeAscii), pushText],
  ['V', 'UNICODE', line(decodeRawUnicode), pushText],
  ['X', 'BINUNICODE', counted('u32', decodeUtf8), pushText],
  [0x8c, 'SHORT_BINUNICODE', counted('u8', decodeUtf8), pushText],
  [0x8d, 'BINUNICODE8', counted('u64', decodeUtf8), pushText],
  ['B', 'BINBYTES', counted('u32'), pushOpaque],
  ['C', 'SHORT_BINBYTES', counted('u8'), pushOpaque],
  [0x8e, 'BINBYTES8', counted('u64'), pushOpaque],
  [0x96, 'BYTEARRAY8', counted('u64'), pushOpaque],
  [0x97, 'NEXT_BUFFER', none, pushOpaque],
  [0x98, 'READONLY_BUFFER', none, (machine) => machine.replace(1, OPAQUE)],
  [']', 'EMPTY_LIST', none, pushOpaque],
  ['}', 'EMPTY_DICT', none, pushOpaque],
  [0x8f, 'EMPTY_SET', none, pushOpaque],
  [')', 'EMPTY_TUPLE', none, (machine) => machine.tuple([])],
  ['t', 'TUPLE', none, (machine) => machine.tuple(machine.popMark())],
  [0x85, 'TUPLE1', none, (machine) => machine.tupleOf(1)],
  [0x86, 'TUPLE2', none, (machine) => machine.tupleOf(2)],
  [0x87, 'TUPLE3', none, (machine) => machine.tupleOf(3)],
  ['l', 'LIST', none, collect],
  ['d', 'DICT', none, collect],
  [0x91, 'FROZENSET', none, collect],
  ['a', 'APPEND', none, popInto],
  ['e', 'APPENDS', none, popMark],
  [0x90, 'ADDITEMS', none, popMark],
  ['u', 'SETITEMS', none, popMark],
  ['s', 'SETITEM', none, setItem],
  ['g', 'GET', line(decodeAscii), (machine, argument) => machine.get(memoIndex(machine, argument))],
  ['h', 'BINGET', number('u8'), (machine, { number: index }) => machine.get(index)],
  ['j', 'LONG_BINGET', number('u32'), (machine, { number: index }) => machine.get(index)],
  ['p', 'PUT', line(decodeAscii), (machine, argument) => machine.put(memoIndex(machine, argument))],
  ['q', 'BINPUT', number('u8'), (machine, { number: index }) => machine.put(index)],
  ['r', 'LONG_BINPUT', number('u32'), (machine, { number: index }) => machine.put(index)],
  [0x94, 'MEMOIZE', none, (machine) => machine.memoize()],
  ['c', 'GLOBAL', { form: 'names' }, (machine, { text, second }) => machine.push(machine.named(text, second))],
  [0x93, 'STACK_GLOBAL', none, (machine) => machine.stackGlobal()],
  ['i', 'INST', { form: 'names' }, instance],
  ['o', 'OBJ', none, (machine) => machine.obj()],
  ['R', 'REDUCE', none, (machine) => machine.reduce()],
  [0x81, 'NEWOBJ', none, (machine) => machine.reduce()],
  [0x92, 'NEWOBJ_EX', none, (machine) => machine.newObjEx()],
  ['b', 'BUILD', none, (machine) => machine.build()],
  [0x82, 'EXT1', number('u8'), extension],
  [0x83, 'EXT2', number('u16'), extension],
  [0x84, 'EXT4', number('i32'), extension],
  ['P', 'PERSID', line(decodeAscii), (machine, { text }) => machine.persistent(text === null ? OPAQUE : { kind: 'text', text })],
  ['Q', 'BINPERSID', none, (machine) => machine.persistent(machine.pop())],
  [0x80, 'PROTO', number('u8'), protocol],
  [0x95, 'FRAME', number('u64'), nothing],
  ['.', 'STOP', none, (machine) => void machine.stop()],
]

function setItem(machine: PickleMachine): void {
  machine.pop()
  machine.pop()
  machine.top()
}

/** Little-endian two's complement; only what a number holds exactly is wanted. */
function decodeLong(bytes: Uint8Array): string | null {
  if (bytes.byteLength > 16) return null
  let value = 0n
  for (const [index, byte] of bytes.entries()) value |= BigInt(byte) << BigInt(8 * index)
  return String(BigInt.asIntN(8 * bytes.byteLength, value))
}

const table = new Map(rows.map(([byte, name, argument, apply]) => [codeOf(byte), { name, argument, apply }]))

function codeOf(byte: number | string): number {
  return typeof byte === 'string' ? byte.charCodeAt(0) : byte
}

/** By the byte that stands for them: all of protocols 0 to 5. */
export const opcodes: ReadonlyArray<Opcode | undefined> = Array.from({ length: 256 }, (_, byte) => table.get(byte))

export const STOP = '.'.charCodeAt(0)
