// The messages and tensors of `sdks/vectors/`, as TypeScript writes them: every SDK must read the same out of them and write the same.
// `node scripts/vectors.ts` writes the files; a test holds them against this.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Dtype, type TensorValue, encodeFrame, encodeValues } from '@soma/spec'

export const vectorFolder = join(import.meta.dirname, '..', 'sdks', 'vectors')

const bytes = (...values: number[]): Uint8Array => new Uint8Array(values)
const hex = (data: Uint8Array): string => Buffer.from(data).toString('hex')

/** Numbers only such as all languages write alike. */
const messages: Readonly<Record<string, unknown>> = {
  null: null,
  'numbers, strings and nothing': { a: [0, -1, 1.5, 9007199254740991], b: '', c: null, d: true, e: {} },
  'text of several scripts': { text: 'ü 漢字 🙂 \u2028 "quoted" \\ \n\t' },
  'half of a surrogate pair': { text: '\ud83d' },
  'bytes alone': bytes(1, 2, 3),
  'no bytes': { data: bytes() },
  'attachments of odd sizes, in lists and objects': { a: bytes(1), b: [bytes(2, 2), { c: bytes(...Array(9).keys()) }], d: 'text' },
  'a call': { id: 1, method: 'infer', input: { inputs: [{ name: 'x', dtype: 'float32', shape: [1], data: bytes(0, 0, 128, 63) }] } },
  'a stream': { id: 2, method: 'generate', input: { prompt: 'Hello' }, more: 32 },
  'an event': { id: 2, event: { text: ' world' } },
  'an error': { id: 3, error: { type: 'urn:soma:error:call/cancelled', detail: 'the caller cancelled the call', code: 'call/cancelled' } },
  'a cancellation': { cancel: 2 },
}

const header = (text: string, body = ''): Uint8Array => {
  const json = Buffer.from(text)
  const prefix = Buffer.alloc(4)
  prefix.writeUInt32LE(json.byteLength)
  return Buffer.concat([prefix, json, Buffer.from(body, 'hex')])
}

/** What no reader may take, and the code that it says then. */
const refused: Readonly<Record<string, readonly [Uint8Array, string]>> = {
  nothing: [bytes(), 'call/malformed'],
  'a prefix alone': [bytes(2, 0, 0, 0), 'call/malformed'],
  'no JSON': [header('{'), 'call/malformed'],
  'no UTF-8': [Buffer.concat([bytes(14, 0, 0, 0), Buffer.from('{"message":"'), bytes(0xff), Buffer.from('"}')]), 'call/malformed'],
  'a constant that JSON lacks': [header('{"message":NaN}'), 'call/malformed'],
  'no message': [header('{}'), 'call/malformed'],
  'a list': [header('[]'), 'call/malformed'],
  'a header that is too long': [bytes(255, 255, 255, 255), 'call/too-large'],
  'a body that is too long': [header('{"message":1,"bodyBytes":1099511627776}'), 'call/too-large'],
  'a body of half a byte': [header('{"message":1,"bodyBytes":0.5}'), 'call/malformed'],
  'less body than it says': [header('{"message":1,"bodyBytes":8}', '00'), 'call/malformed'],
  'more body than it says': [header('{"message":1}', '00'), 'call/malformed'],
  'nesting without end': [header(`{"message":${'['.repeat(100)}${']'.repeat(100)}}`), 'call/too-large'],
  'an attachment without a path': [header('{"message":null,"attachments":[{"path":"x"}]}'), 'call/malformed'],
  'an attachment outside the body': [
    header('{"message":null,"bodyBytes":1,"attachments":[{"path":[],"begin":0,"end":2}]}', '00'),
    'call/malformed',
  ],
  'an attachment from behind': [
    header('{"message":null,"bodyBytes":1,"attachments":[{"path":[],"begin":1,"end":0}]}', '00'),
    'call/malformed',
  ],
  'an attachment to nowhere': [
    header('{"message":{},"bodyBytes":1,"attachments":[{"path":["a"],"begin":0,"end":1}]}', '00'),
    'call/malformed',
  ],
  'an attachment over a value': [
    header('{"message":{"a":1},"bodyBytes":1,"attachments":[{"path":["a"],"begin":0,"end":1}]}', '00'),
    'call/malformed',
  ],
}

const tensors: Readonly<Record<Dtype, readonly TensorValue[]>> = {
  float16: [0, -0.5, 65504, 'NaN', 'Infinity'],
  bfloat16: [0, 1, -2, 'Infinity'],
  float32: [0, 1.5, -3.4028234663852886e38, 'NaN', '-Infinity'],
  float64: [0, 0.1, 1.7976931348623157e308],
  int8: [-128, 0, 127],
  int16: [-32768, 32767],
  int32: [-2147483648, 2147483647],
  int64: ['-9223372036854775808', 1, '9223372036854775807'],
  uint8: [0, 255],
  uint16: [0, 65535],
  uint32: [0, 4294967295],
  uint64: [0, '18446744073709551615'],
  bool: [true, false],
  string: ['', 'ü 漢字 🙂', 'two\nlines'],
}

/** Bytes as JSON can hold them. */
function written(value: unknown): unknown {
  if (value instanceof Uint8Array) return { $bytes: hex(value) }
  if (Array.isArray(value)) return value.map(written)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, written(item)]))
}

/** File name → content. */
export function makeVectors(): Readonly<Record<string, string>> {
  const frames = {
    about: 'Frames: each is `message` in hexadecimal, where { "$bytes" } stands for bytes; no reader takes one of `refused`.',
    frames: Object.entries(messages).map(([name, message]) => ({
      name,
      message: written(message),
      frame: hex(Buffer.concat(encodeFrame(message))),
    })),
    refused: Object.entries(refused).map(([name, [frame, code]]) => ({ name, code, frame: hex(frame) })),
  }
  const values = {
    about: 'Tensors: values, and the bytes that hold them; integers over 2^53, NaN and infinities as text.',
    tensors: Object.entries(tensors).map(([dtype, values]) => ({ dtype, values, data: hex(encodeValues(dtype as Dtype, values)) })),
  }
  return { 'frames.json': `${JSON.stringify(frames, null, 2)}\n`, 'tensors.json': `${JSON.stringify(values, null, 2)}\n` }
}

if (import.meta.main) {
  mkdirSync(vectorFolder, { recursive: true })
  for (const [name, content] of Object.entries(makeVectors())) writeFileSync(join(vectorFolder, name), content)
}
