import { checkNpy, isNpy } from '../numpy/npy.ts'
import type { PickleFinding } from '../pickle/machine.ts'
import { scanMaybePickle } from '../pickle/permissive.ts'
import { scanPickle } from '../pickle/scan.ts'
import { unsafePickle } from '../pickle/unsafe-pickle.ts'
import type { ByteReader } from '../reader.ts'
import { isZip } from '../zip/read-zip.ts'
import { inspectArchive } from './archive.ts'
import { inspectLegacy, isLegacy } from './legacy.ts'
import type { ArchiveOptions, PickleFile } from './types.ts'

/** How compressed files begin: zlib at its levels, gzip, xz, bzip2, LZ4, Zstandard. What is in them cannot be seen. */
const compressed = ['7801', '785e', '789c', '78da', '1f8b08', 'fd377a585a', '425a68', '04224d18', '28b52ffd', '5d0000']
/** PyTorch before 0.1.2 wrote tar archives of pickles. */
const TAR_MAGIC_AT = 257

/** Names of files that are read by unpickling them. A `.bin` often holds just bytes. */
export function isPicklePath(path: string): boolean {
  return /\.(pkl|pickle|pt|pth|pt2|ptl|jit|torchscript|ckpt|joblib|npy|npz|bin|sav|dill)$/i.test(path)
}

/**
 * Checks a file that may be unpickled: by what it begins with, not by its name.
 * @throws {SomaError} `package/unsafe-pickle` naming the call and where it stands; `package/invalid-model`; `package/unsafe-path`.
 */
export async function inspectPickleFile(reader: ByteReader, options: ArchiveOptions = {}): Promise<PickleFile> {
  if (await isZip(reader)) return inspectArchive(reader, options, inspectPickleFile)
  if (await isLegacy(reader)) return inspectLegacy(reader, options)
  if (await isNpy(reader)) return plain('numpy', await checkNpy(reader, options))
  const permissive = options.permissive ?? reader.name.toLowerCase().endsWith('.bin')
  const hidden = permissive ? undefined : await hiddenFinding(reader)
  if (hidden && !options.allowUnsafe) throw unsafePickle(reader.name, hidden)
  if (hidden) return plain('pickle', [hidden])
  if (permissive) {
    const { isPickle, findings } = await scanMaybePickle(reader, options)
    return plain(isPickle ? 'pickle' : 'raw', findings)
  }
  return plain('pickle', (await scanPickle(reader, options)).findings)
}

function plain(kind: PickleFile['kind'], findings: readonly PickleFinding[]): PickleFile {
  return { kind, parameters: null, dtypes: new Map(), findings }
}

async function hiddenFinding(reader: ByteReader): Promise<PickleFinding | undefined> {
  const head = Buffer.from(await reader.read(0, Math.min(reader.sizeBytes, TAR_MAGIC_AT + 5)))
  const packed = compressed.some((magic) => head.toString('hex').startsWith(magic))
  const tar = head.toString('latin1', TAR_MAGIC_AT) === 'ustar'
  if (!packed && !tar) return undefined
  return {
    global: null,
    opcode: 'none',
    offset: 0,
    reason: packed ? 'is compressed, so that nobody sees what it calls' : 'lies in a tar archive of an early PyTorch',
  }
}
