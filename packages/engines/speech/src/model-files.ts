import { open, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type OnnxHeader, openFileReader, readOnnxHeader } from '@soma/formats'
import { type ModelPackage, type PackageFile, packageFile } from '@soma/spec'
import { asLoadFailed, loadFailed } from './errors.ts'
import { TEXT_FILE_BYTES_MAX } from './limits.ts'

/**
 * The files of a package, looked at before the library gets them: where something is amiss, that ends the whole process
 * instead of saying so.
 */
export class ModelFiles {
  readonly #pkg: ModelPackage

  constructor(pkg: ModelPackage) {
    this.#pkg = pkg
  }

  has(role: string): boolean {
    return this.#pkg.roles[role] !== undefined
  }

  /** A file of the package that no role names, for instance a detector of voice beside a recogniser. */
  find(pattern: RegExp): PackageFile | undefined {
    return this.#pkg.files.find(({ path }) => pattern.test(path))
  }

  file(role: string): PackageFile {
    return packageFile(this.#pkg, role)
  }

  /** Of a file in the package's folder, which the library can take others beside it from. */
  pathOf(role: string): string {
    return join(this.#pkg.directory, this.file(role).path)
  }

  folderOf(role: string): string {
    return dirname(this.pathOf(role))
  }

  /** What an ONNX file says of itself. @throws {SomaError} `model/load-failed` when it is none. */
  async onnx(role: string): Promise<OnnxHeader> {
    return readHeader(this.file(role))
  }

  /** The path of a file in onnxruntime's own format, which is recognised by its mark only. */
  async ort(role: string): Promise<string> {
    const file = this.file(role)
    await using handle = await open(file.localPath)
    const { buffer, bytesRead } = await handle.read({ buffer: Buffer.alloc(8), position: 0 })
    if (bytesRead < 8 || buffer.toString('latin1', 4) !== 'ORTM') throw loadFailed(file.path, 'it is no onnxruntime model')
    return this.pathOf(role)
  }

  /** The path of a list of symbols, each with its number. */
  async tokens(): Promise<string> {
    const lines = (await this.#text('tokens')).split(/\r?\n/).filter((line) => line !== '')
    const odd = lines.findIndex((line) => !/(^|\s)\d+\s*$/.test(line))
    if (lines.length === 0 || odd >= 0) throw loadFailed(this.file('tokens').path, `line ${odd + 1} is no symbol and its number`)
    return this.pathOf('tokens')
  }

  /** The path of a list of words, each with the sounds it is made of. */
  async lexicon(): Promise<string> {
    if (!/^\S+[ \t]+\S/m.test(await this.#text('lexicon'))) throw loadFailed(this.file('lexicon').path, 'it holds no word with its sounds')
    return this.pathOf('lexicon')
  }

  async #text(role: string): Promise<string> {
    const file = this.file(role)
    if (file.sizeBytes > TEXT_FILE_BYTES_MAX) throw loadFailed(file.path, `${file.sizeBytes} bytes are too many for a list`)
    try {
      const text = new TextDecoder('utf-8', { fatal: true }).decode(await readFile(file.localPath))
      if (text.includes('\0')) throw new Error('it is no text')
      return text
    } catch (error) {
      throw asLoadFailed(file.path, error)
    }
  }
}

/** @throws {SomaError} `model/load-failed` when it is no ONNX file. */
export async function readHeader(file: PackageFile): Promise<OnnxHeader> {
  try {
    await using reader = await openFileReader(file.localPath, { name: file.path })
    return await readOnnxHeader(reader)
  } catch (error) {
    throw asLoadFailed(file.path, error)
  }
}

/** Numbers and texts that the library ends the process without. */
export function checkMetadata(
  file: PackageFile,
  { metadata }: OnnxHeader,
  numbers: readonly string[],
  texts: readonly string[] = [],
): void {
  const odd = numbers.find((key) => !/^\d+$/.test(metadata.get(key) ?? '')) ?? texts.find((key) => (metadata.get(key) ?? '') === '')
  if (odd === undefined) return
  const value = metadata.get(odd)
  const what = value === undefined ? `has no "${odd}"` : `says "${odd}" is "${value.slice(0, 80)}"`
  throw loadFailed(file.path, `its metadata ${what}, which sherpa-onnx needs: take the file as that project publishes it`)
}
