import { invalidModel } from '../invalid-model.ts'
import { scanPickle } from '../pickle/scan.ts'
import type { ByteReader } from '../reader.ts'
import { Storages } from './storages.ts'
import type { ArchiveOptions, PickleFile } from './types.ts'

/** `0x1950a86a20f9469cfc6c`, pickled: the first of the pickles that PyTorch wrote before 1.6. */
const MAGIC = '6cfc9c46f9206aa85019'
const MAGIC_AT = 4
/** Magic number, protocol version, facts of the system, the object, the keys of its storages. */
const PICKLES = 5
/** Each storage is written behind its number of elements. */
const COUNT_BYTES = 8

export async function isLegacy(reader: ByteReader): Promise<boolean> {
  if (reader.sizeBytes < 16) return false
  return Buffer.from(await reader.read(0, 16))
    .toString('hex')
    .slice(2 * MAGIC_AT)
    .startsWith(MAGIC)
}

/** Reads a checkpoint of PyTorch before 1.6: pickles one after another, and behind them the tensors' bytes. */
export async function inspectLegacy(reader: ByteReader, options: ArchiveOptions): Promise<PickleFile> {
  const storages = new Storages()
  const { findings, end } = await scanPickle(reader, { ...options, count: PICKLES, onPersistent: (id) => storages.add(id) })
  const neededBytes = storages.sizeBytes + storages.byKey.size * COUNT_BYTES
  if (findings.length === 0 && neededBytes > reader.sizeBytes - end)
    throw invalidModel(reader.name, end, `${neededBytes} bytes of tensors`, reader.sizeBytes - end)
  return { kind: 'pytorch', parameters: storages.parameters, dtypes: storages.dtypes, findings }
}
