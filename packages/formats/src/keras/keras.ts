import { invalidModel } from '../invalid-model.ts'
import { type JsonObject, isObject, objectAt, readJsonObject, textAt } from '../json/read-json.ts'
import type { ByteReader } from '../reader.ts'
import { openZipEntry } from '../zip/open-entry.ts'
import { readZip } from '../zip/read-zip.ts'

/** `config.json` describes every layer. */
const CONFIG_BYTES_MAX = 32 * 1024 * 1024
const HDF5_MAGIC = '\x89HDF\r\n\x1a\n'

/** What a `.keras` archive says of itself. */
export interface KerasHeader {
  /** `Sequential`, `Functional`, or a class of the author's. */
  readonly className: string | null
  readonly name: string | null
  readonly kerasVersion: string | null
  /** It has layers that hold Python code, which runs when the model is loaded with `safe_mode=False`. */
  readonly hasLambda: boolean
}

/** Whether a file is HDF5, by what it begins with. */
export async function isHdf5(reader: ByteReader): Promise<boolean> {
  const { length } = HDF5_MAGIC
  return reader.sizeBytes >= length && Buffer.from(await reader.read(0, length)).toString('latin1') === HDF5_MAGIC
}

/** Reads a Keras 3 archive. @throws {SomaError} `package/invalid-model`; `package/unsafe-path`. */
export async function readKeras(reader: ByteReader): Promise<KerasHeader> {
  const entries = await readZip(reader)
  const config = entries.get('config.json')
  if (!config) throw invalidModel(reader.name, 0, 'a config.json inside', 'none')
  const model = await readJsonObject(await openZipEntry(reader, config), CONFIG_BYTES_MAX)
  const metadata = entries.get('metadata.json')
  const about = metadata ? await readJsonObject(await openZipEntry(reader, metadata), CONFIG_BYTES_MAX) : {}
  return {
    className: textAt(model, 'class_name'),
    name: textAt(objectAt(model, 'config'), 'name'),
    kerasVersion: textAt(about, 'keras_version'),
    hasLambda: holdsLambda(model),
  }
}

/** Depth is bounded, because `readJsonObject` refuses what is nested deeper. */
function holdsLambda(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(holdsLambda)
  if (!isObject(value)) return false
  return isLambda(value) || Object.values(value).some(holdsLambda)
}

function isLambda(layer: JsonObject): boolean {
  return layer['class_name'] === 'Lambda' || layer['class_name'] === '__lambda__'
}
