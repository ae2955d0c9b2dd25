import { type GgufModelValue, llamaGguf, shardIndexJson, tinySafetensors, writeGguf } from '@soma/testkit/formats'
import { arithmeticModel, externalDataModel, slowModel } from '@soma/testkit/onnx'
import { readGgufHeader } from '../gguf/gguf-header.ts'
import { ggufMemory } from '../gguf/memory.ts'
import { readOnnxHeader } from '../onnx/onnx-header.ts'
import { readSafetensorsHeader } from '../safetensors/safetensors-header.ts'
import { readShardIndex } from '../safetensors/shard-index.ts'
import type { FuzzTarget } from './test-fuzz.ts'

/** Every kind of value that metadata can be. */
function everyValueGguf(): Uint8Array {
  const short: GgufModelValue = { type: 'int16', value: -3 }
  const text: GgufModelValue = { type: 'string', value: 'text' }
  return writeGguf({
    metadata: [
      ['a', { type: 'uint8', value: 200 }],
      ['b', { type: 'int8', value: -1 }],
      ['c', { type: 'uint16', value: 1 }],
      ['d', short],
      ['e', { type: 'uint64', value: 2n ** 60n }],
      ['f', { type: 'int64', value: -1n }],
      ['g', { type: 'float64', value: 0.1 }],
      ['h', { type: 'array', of: 'array', value: [{ type: 'array', of: 'int16', value: [short, short] }] }],
      ['i', { type: 'array', of: 'array', value: [{ type: 'array', of: 'string', value: [text, text] }] }],
      ['general.alignment', { type: 'uint32', value: 8 }],
    ],
    tensors: [],
    alignment: 8,
  })
}

/** Everything that JSON can be, where it is passed over, and elements of less than a byte. */
function everyJsonSafetensors(): Uint8Array {
  const header = `{"b":{"dtype":"C64","shape":[],"data_offsets":[3,11],"more":[{"x":[null,true,false,-1.5e3,"\\u00e9"]},{},[]]},
    "a \\"é\\n":{"shape":[3,2],"dtype":"F4","data_offsets":[0,3]}}`
  const bytes = Buffer.concat([Buffer.alloc(8), Buffer.from(header), Buffer.alloc(11)])
  bytes.writeBigUInt64LE(BigInt(bytes.byteLength - 8 - 11))
  return bytes
}

/** The readers of this package. */
export const formatTargets: readonly FuzzTarget[] = [
  {
    name: 'gguf',
    seeds: [llamaGguf(), llamaGguf({ version: 1 }), llamaGguf({ littleEndian: false }), everyValueGguf()],
    read: async (file) => ggufMemory(await readGgufHeader(file), 4096),
  },
  { name: 'safetensors', seeds: [tinySafetensors(), everyJsonSafetensors()], read: readSafetensorsHeader },
  { name: 'shard-index', seeds: [shardIndexJson()], read: readShardIndex },
  {
    name: 'onnx',
    seeds: [arithmeticModel(), slowModel(2, 3), externalDataModel('weights/w.bin', [1, 2, 3]).model],
    read: readOnnxHeader,
  },
]
