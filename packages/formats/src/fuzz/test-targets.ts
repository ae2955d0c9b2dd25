import {
  type GgufModelValue,
  type ZipTestEntry,
  llamaGguf,
  shardIndexJson,
  stateDictPickle,
  tinySafetensors,
  writeGguf,
  writeLegacyTorch,
  writeSavedModel,
  writeTflite,
  writeTorch,
  writeZip,
} from '@soma/testkit/formats'
import { arithmeticModel, externalDataModel, slowModel } from '@soma/testkit/onnx'
import { readLicence } from '../config/licence.ts'
import { readModelCard } from '../config/model-card.ts'
import { readModelConfig } from '../config/model-config.ts'
import { readGgufHeader } from '../gguf/gguf-header.ts'
import { ggufMemory } from '../gguf/memory.ts'
import { readKeras } from '../keras/keras.ts'
import { readOnnxHeader } from '../onnx/onnx-header.ts'
import { scanPickle } from '../pickle/scan.ts'
import { harmlessPickles } from '../pickle/test-fixtures.ts'
import { readSafetensorsHeader } from '../safetensors/safetensors-header.ts'
import { readShardIndex } from '../safetensors/shard-index.ts'
import { readSavedModel } from '../saved-model/saved-model.ts'
import { readTfjs } from '../tfjs/tfjs.ts'
import { readTflite } from '../tflite/tflite.ts'
import { inspectPickleFile } from '../torch/pickle-file.ts'
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

const tensors = [
  { name: 'w', shape: [2, 3] },
  { name: 'b', shape: [4], storage: 'HalfStorage' },
]
const config: readonly ZipTestEntry[] = [
  { name: 'config.json', bytes: '{"class_name":"Sequential","config":{"layers":[{"class_name":"Lambda"}]}}', deflate: true },
  { name: 'metadata.json', bytes: '{"keras_version":"3.1.0"}' },
]
const ports = [{ name: 'x', type: 1, shape: [-1, 3] }]
const npyHeader = "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n"
const npy = Buffer.from(`\x93NUMPY\x01\x00${String.fromCharCode(npyHeader.length)}\x00${npyHeader}N.`, 'latin1')
const tfjs = JSON.stringify({
  format: 'graph-model',
  signature: { inputs: { x: { dtype: 'DT_FLOAT', tensorShape: { dim: [{ size: '-1' }, { size: '3' }] } } }, outputs: {} },
  weightsManifest: [{ paths: ['w.bin'], weights: [{ name: 'w', shape: [2, 3], dtype: 'float32' }] }],
})

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
  {
    name: 'pickle',
    seeds: [...harmlessPickles.map(([, hex]) => Buffer.from(hex, 'hex')), stateDictPickle(tensors)],
    read: (file) => scanPickle(file),
  },
  {
    name: 'checkpoint',
    seeds: [writeTorch(tensors), writeLegacyTorch(tensors), writeZip(config, { large: true }), npy],
    read: (file) => inspectPickleFile(file, { allowUnsafe: true }),
  },
  { name: 'keras', seeds: [writeZip(config)], read: readKeras },
  {
    name: 'saved-model',
    seeds: [writeSavedModel({ signatures: { serving_default: { inputs: ports, outputs: ports } }, operations: ['Add', 'PyFunc'] })],
    read: readSavedModel,
  },
  {
    name: 'tflite',
    seeds: [
      writeTflite(
        [
          { name: 'x', type: 0, shape: [1, 2] },
          { name: 'w', type: 9, shape: [4], values: new Uint8Array(4) },
        ],
        { inputs: [0], outputs: [0] },
      ),
    ],
    read: readTflite,
    // Each of the places in a list, four bytes, may lead to the same table, of which up to 100 bytes are read.
    readsMax: 64,
  },
  { name: 'tfjs', seeds: [Buffer.from(tfjs)], read: readTfjs },
  {
    name: 'model-config',
    seeds: [Buffer.from('{"architectures":["LlamaForCausalLM"],"hidden_size":64,"num_attention_heads":4,"auto_map":{"AutoModel":"m.M"}}')],
    read: readModelConfig,
  },
  {
    name: 'model-card',
    seeds: [Buffer.from('---\nlicense: mit\ntags: [a, b]\n---\n# Title\n\nA [model](x) of **words**.\n')],
    read: async (file) => [await readModelCard(file), await readLicence(file)],
  },
]
