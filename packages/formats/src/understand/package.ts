import { SomaError, throwIfAborted } from '@soma/core'
import type { ByteReader } from '../reader.ts'
import { inspectFile } from './inspect.ts'
import { type FileKind, kindOf } from './kinds.ts'
import { HEADERS_MAX } from './limits.ts'
import type { FileFacts, PackageSources } from './types.ts'

/** The files of a package, each opened when it is looked at and read once. */
export class Package {
  readonly files: PackageSources
  readonly #signal: AbortSignal | undefined
  readonly #facts = new Map<string, FileFacts | undefined>()

  constructor(files: PackageSources, signal?: AbortSignal) {
    this.files = files
    this.#signal = signal
  }

  has(path: string): boolean {
    return this.files.has(path)
  }

  sizeOf(path: string): number | undefined {
    return this.files.get(path)?.sizeBytes
  }

  kindOf(path: string): FileKind | undefined {
    return kindOf(path, (other) => this.has(other))
  }

  /**
   * What a model file says of itself; undefined for what is none. Unsafe pickles are findings here, whatever is allowed.
   * @param unnamed how to read a file whose name does not tell; by what it begins with when absent.
   */
  async facts(path: string, unnamed?: FileKind): Promise<FileFacts | undefined> {
    if (this.#facts.has(path) || !this.has(path)) return this.#facts.get(path)
    const kind = this.kindOf(path) ?? unnamed ?? (await this.read(path, kindOfBytes))
    if (kind === undefined) return undefined
    if (this.#facts.size >= HEADERS_MAX)
      throw new SomaError('package/no-model', `the package has more than ${HEADERS_MAX} model files; choose with include`, {
        details: { modelsMax: HEADERS_MAX },
      })
    const options = { allowUnsafe: true, sizeOf: (other: string) => this.sizeOf(other), paths: () => this.files.keys() }
    const facts = await this.read(path, (reader) => inspectFile(kind, reader, options))
    this.#facts.set(path, facts)
    return facts
  }

  /** @throws {SomaError} `package/no-model` when there is no such file. */
  async read<T>(path: string, use: (reader: ByteReader) => Promise<T>): Promise<T> {
    throwIfAborted(this.#signal)
    const file = this.files.get(path)
    if (!file) throw new SomaError('package/no-model', `the package does not hold ${path}`, { details: { path } })
    await using reader = await file.open()
    return await use(reader)
  }

  /** The file of a name in a folder or the closest one above. */
  nearest(folder: string, matches: (name: string) => boolean): string | undefined {
    for (let at = folder; ; at = parentOf(at)) {
      const prefix = at === '' ? '' : `${at}/`
      const found = [...this.files.keys()].filter((path) => path.startsWith(prefix) && matches(path.slice(prefix.length))).sort()
      if (found[0] !== undefined || at === '') return found[0]
    }
  }
}

/** Pickles since protocol 2, and zip archives; names do not keep a program from unpickling them. */
async function kindOfBytes(reader: ByteReader): Promise<FileKind | undefined> {
  const [first = 0, second = 0] = await reader.read(0, Math.min(2, reader.sizeBytes))
  const pickle = first === 0x80 && second >= 2 && second <= 5
  return pickle || (first === 0x50 && second === 0x4b) ? 'bytes' : undefined
}

/** The folder that a path is in; '' at the top. */
export function parentOf(path: string): string {
  const slash = path.lastIndexOf('/')
  return slash < 0 ? '' : path.slice(0, slash)
}

/** The last part of a path. */
export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}
