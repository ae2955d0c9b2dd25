// Reads weights as CTranslate2 keeps them: a count, then for each variable its name, sizes, type and bytes.
// @see https://github.com/OpenNMT/CTranslate2/blob/master/python/ctranslate2/specs/model_spec.py
import type { Dtype } from '@soma/spec'

export interface Variable {
  readonly dtype: Dtype
  readonly shape: readonly number[]
  readonly data: Uint8Array
}

const FORMAT = 6
const dtypes: readonly Dtype[] = ['float32', 'int8', 'int16', 'int32', 'float16', 'bfloat16']

/** @throws when it is no such file, or one of another version. */
export function readCTranslate2(bytes: Uint8Array): { readonly kind: string; readonly variables: ReadonlyMap<string, Variable> } {
  const reader = new Reader(bytes)
  const format = reader.uint32()
  if (format !== FORMAT) throw new Error(`no weights of CTranslate2 in format ${FORMAT}, but ${format}`)
  const kind = reader.text()
  reader.uint32()
  const count = reader.uint32()
  const variables = new Map<string, Variable>()
  for (let index = 0; index < count; index++) variables.set(reader.text(), reader.variable())
  return { kind, variables }
}

class Reader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  uint32(): number {
    this.#at += 4
    return this.#view.getUint32(this.#at - 4, true)
  }

  /** With a zero byte at its end, which is counted. */
  text(): string {
    const size = this.#view.getUint16(this.#at, true)
    this.#at += 2
    return Buffer.from(this.#take(size)).toString('utf8', 0, size - 1)
  }

  variable(): Variable {
    const rank = this.#take(1)[0] ?? 0
    const shape = Array.from({ length: rank }, () => this.uint32())
    const type = this.#take(1)[0] ?? 0
    const dtype = dtypes[type]
    if (!dtype) throw new Error(`a variable of the unknown type ${type}`)
    return { dtype, shape, data: this.#take(this.uint32()) }
  }

  #take(size: number): Uint8Array {
    const from = this.#at
    this.#at += size
    if (this.#at > this.#bytes.length) throw new Error('the file ends too early')
    return this.#bytes.subarray(from, this.#at)
  }
}
