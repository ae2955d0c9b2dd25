import { SomaError } from '@soma/core'
import type { Dtype, Tensor } from '@soma/spec'
import { NPY_HEADER_BYTES_MAX } from '../limits.ts'

const dtypes: Readonly<Record<string, Dtype>> = {
  '<f2': 'float16',
  '<f4': 'float32',
  '<f8': 'float64',
  '|i1': 'int8',
  '<i2': 'int16',
  '<i4': 'int32',
  '<i8': 'int64',
  '|u1': 'uint8',
  '<u2': 'uint16',
  '<u4': 'uint32',
  '<u8': 'uint64',
  '|b1': 'bool',
}
const magic = Buffer.from('\u0093NUMPY', 'latin1')

/** Whether bytes are a NumPy array file. */
export function isNpy(bytes: Uint8Array): boolean {
  return magic.equals(bytes.subarray(0, magic.length))
}

/**
 * Reads a NumPy `.npy` file, format versions 1 to 3, row-major and little-endian as tensors are.
 * @throws {SomaError} `call/invalid-input` saying what is not supported.
 * @see https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */
export function parseNpy(name: string, bytes: Uint8Array): Tensor {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const lengthBytes = (bytes[6] ?? 0) === 1 ? 2 : 4
  if (bytes.byteLength < 8 + lengthBytes) throw refused(name, 'it ends inside its header')
  const headerBytes = lengthBytes === 2 ? view.getUint16(8, true) : view.getUint32(8, true)
  const start = 8 + lengthBytes + headerBytes
  if (headerBytes > NPY_HEADER_BYTES_MAX || start > bytes.byteLength) throw refused(name, 'it ends inside its header')
  const { dtype, shape } = parseHeader(name, Buffer.from(bytes.subarray(8 + lengthBytes, start)).toString('utf8'))
  return { name, dtype, shape, data: bytes.subarray(start) }
}

/** The header is a Python dictionary: `{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3), }`. */
function parseHeader(name: string, header: string): { readonly dtype: Dtype; readonly shape: number[] } {
  const descr = /'descr':\s*'([^']*)'/.exec(header)?.[1]
  const order = /'fortran_order':\s*(True|False)/.exec(header)?.[1]
  const dimensions = /'shape':\s*\(([\d,\sL]*)\)/.exec(header)?.[1]
  if (descr === undefined || order === undefined || dimensions === undefined) throw refused(name, 'its header is not one of NumPy')
  if (order === 'True') throw refused(name, 'it is column-major; save it with numpy.ascontiguousarray')
  const dtype = dtypes[descr]
  if (!dtype) throw refused(name, `elements of type ${descr} are not supported; convert them to a little-endian number`)
  return { dtype, shape: dimensions.split(',').flatMap((part) => (part.trim() === '' ? [] : [Number.parseInt(part, 10)])) }
}

function refused(name: string, why: string): SomaError {
  return new SomaError('call/invalid-input', `the array for "${name}" cannot be read: ${why}`, { details: { input: name } })
}
