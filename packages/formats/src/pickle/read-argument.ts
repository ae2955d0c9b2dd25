import type { Cursor } from '../cursor.ts'
import { PICKLE_LINE_BYTES_MAX, PICKLE_TEXT_BYTES_MAX } from './limits.ts'
import { type Argument, type ArgumentForm, type Decode, ignored } from './opcodes.ts'
import { decodeUtf8 } from './text.ts'

type Counted = ArgumentForm & { readonly form: 'counted' }

const NOTHING: Argument = { number: 0, text: null, second: null }
const NEWLINE = 0x0a
const sizes = { u8: 1, u16: 2, i32: 4, u32: 4, u64: 8, f64: 8 } as const

/** Reads what follows an opcode; waits only where the file has to be asked. @throws {SomaError} `package/invalid-model`. */
export function readArgument(cursor: Cursor, form: ArgumentForm): Argument | Promise<Argument> {
  if (form.form === 'none') return NOTHING
  if (form.form === 'line') return readLines(cursor, [form.decode])
  if (form.form === 'names') return readLines(cursor, [decodeUtf8, decodeUtf8])
  if (form.form === 'counted') return readCounted(cursor, form)
  return readNumber(cursor, form.type)
}

function readNumber(cursor: Cursor, type: keyof typeof sizes): Argument | Promise<Argument> {
  const wait = cursor.need(sizes[type])
  return wait ? wait.then(() => numberAt(cursor, type)) : numberAt(cursor, type)
}

function numberAt(cursor: Cursor, type: keyof typeof sizes): Argument {
  const number = type === 'u64' ? cursor.u64Number(Number.MAX_SAFE_INTEGER, 'a size') : cursor[type]()
  return { ...NOTHING, number }
}

function readCounted(cursor: Cursor, form: Counted): Argument | Promise<Argument> {
  const at = cursor.offset
  const length = readNumber(cursor, form.length)
  return length instanceof Promise
    ? length.then(({ number }) => readText(cursor, form, { sizeBytes: number, at }))
    : readText(cursor, form, { sizeBytes: length.number, at })
}

function readText(cursor: Cursor, form: Counted, { sizeBytes, at }: { sizeBytes: number; at: number }): Argument | Promise<Argument> {
  if (sizeBytes < 0 || sizeBytes > cursor.remaining) throw cursor.invalid(`a length of at most ${cursor.remaining}`, sizeBytes, at)
  if (form.decode === ignored || sizeBytes > PICKLE_TEXT_BYTES_MAX) {
    cursor.skip(sizeBytes)
    return NOTHING
  }
  const take = (): Argument => ({ ...NOTHING, text: form.decode(cursor.bytes(sizeBytes)) })
  return cursor.need(sizeBytes)?.then(take) ?? take()
}

function readLines(cursor: Cursor, decoders: readonly Decode[]): Argument | Promise<Argument> {
  const [first = decodeUtf8, second] = decoders
  const rest = (text: string | null): Argument | Promise<Argument> => {
    if (!second) return { ...NOTHING, text }
    const name = readLine(cursor, second)
    return name instanceof Promise ? name.then((name) => ({ ...NOTHING, text, second: name })) : { ...NOTHING, text, second: name }
  }
  const text = readLine(cursor, first)
  return text instanceof Promise ? text.then(rest) : rest(text)
}

/** Bytes up to the end of the line, which is taken too. Of one too long for a name nothing is kept. */
function readLine(cursor: Cursor, decode: Decode, bytes: number[] = []): string | null | Promise<string | null> {
  for (;;) {
    const wait = cursor.need(1)
    if (wait) return wait.then(() => readLine(cursor, decode, bytes))
    const byte = cursor.u8()
    if (byte === NEWLINE) break
    if (bytes.length <= PICKLE_LINE_BYTES_MAX) bytes.push(byte)
  }
  return bytes.length > PICKLE_LINE_BYTES_MAX ? null : decode(Uint8Array.from(bytes))
}
