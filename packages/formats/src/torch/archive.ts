import { invalidModel, quote } from '../invalid-model.ts'
import { checkNpy } from '../numpy/npy.ts'
import { scriptPolicy, weightsPolicy } from '../pickle/allowed.ts'
import type { PickleFinding } from '../pickle/machine.ts'
import { scanPickle } from '../pickle/scan.ts'
import type { ByteReader } from '../reader.ts'
import { openZipEntry } from '../zip/open-entry.ts'
import { type ZipEntry, readZip } from '../zip/read-zip.ts'
import { NESTED_ARCHIVES_MAX } from './limits.ts'
import { Storages } from './storages.ts'
import type { ArchiveOptions, InspectPickleFile, PickleFile } from './types.ts'

type Entries = ReadonlyMap<string, ZipEntry>

/** Whatever a Python program may unpickle out of an archive, by its name there. */
const PICKLE_NAME = /\.(pkl|pickle|pt|pth|bin|ckpt|joblib)$/i
/** Tensors of PyTorch's own archives: raw bytes without an ending, read as such. */
const SCRIPT = /(^|\/)constants\.pkl$/
const EXPORTED = /(^|\/)(archive_format|serialized_exported_program\.json|models\/[^/]+\.json)$/
const WEIGHTS = /(^|\/)data\.pkl$/

/**
 * Reads a zip archive of PyTorch (1.6 and later) or numpy: what kind it is, its tensors, and every pickle inside.
 * @param inspect checks the files inside.
 * @throws {SomaError} `package/unsafe-pickle`, `package/invalid-model`, `package/unsafe-path`.
 */
export async function inspectArchive(reader: ByteReader, options: ArchiveOptions, inspect: InspectPickleFile): Promise<PickleFile> {
  const { depth = 0, allowUnsafe = false } = options
  if (depth >= NESTED_ARCHIVES_MAX) throw invalidModel(reader.name, 0, `archives ${NESTED_ARCHIVES_MAX} deep at most`, 'deeper ones')
  const entries = await readZip(reader)
  const kind = kindOf([...entries.keys()])
  const storages = new Storages()
  const findings: PickleFinding[] = []
  for (const entry of entries.values())
    findings.push(
      ...(await checkEntry(reader, entry, { allowUnsafe, depth: depth + 1, script: kind === 'torchscript', entries, storages, inspect })),
    )
  return { kind, parameters: storages.parameters, dtypes: storages.dtypes, findings }
}

function kindOf(names: readonly string[]): PickleFile['kind'] {
  if (names.some((name) => SCRIPT.test(name))) return 'torchscript'
  if (names.some((name) => EXPORTED.test(name))) return 'exported-program'
  if (names.some((name) => WEIGHTS.test(name))) return 'pytorch'
  return names.every((name) => name.endsWith('.npy')) ? 'numpy' : 'archive'
}

interface EntryOptions extends ArchiveOptions {
  readonly script: boolean
  readonly inspect: InspectPickleFile
  readonly entries: Entries
  readonly storages: Storages
}

async function checkEntry(reader: ByteReader, entry: ZipEntry, options: EntryOptions): Promise<readonly PickleFinding[]> {
  const { name } = entry
  if (name.toLowerCase().endsWith('.npy')) return checkNpy(await openZipEntry(reader, entry), options)
  if (!PICKLE_NAME.test(name)) return []
  const inner = await openZipEntry(reader, entry)
  if (!name.endsWith('.pkl')) return (await options.inspect(inner, options)).findings
  return checkPickle(inner, name, options)
}

/** A pickle of tensors, whose bytes lie beside it in a folder of its name. */
async function checkPickle(inner: ByteReader, name: string, options: EntryOptions): Promise<readonly PickleFinding[]> {
  const own = new Storages()
  const { findings } = await scanPickle(inner, {
    ...options,
    policy: options.script ? scriptPolicy : weightsPolicy,
    onPersistent: (id) => {
      own.add(id)
      if (WEIGHTS.test(name)) options.storages.add(id)
    },
  })
  checkStorages(inner, name.slice(0, -'.pkl'.length), { ...options, storages: own })
  return findings
}

function checkStorages(inner: ByteReader, folder: string, { entries, storages }: EntryOptions): void {
  for (const [key, { sizeBytes }] of storages.byKey) {
    const found = entries.get(`${folder}/${key}`)?.sizeBytes
    if (found === undefined || found < sizeBytes)
      throw invalidModel(inner.name, 0, `${sizeBytes} bytes of the tensor ${quote(key)}`, found === undefined ? 'none' : found)
  }
}
