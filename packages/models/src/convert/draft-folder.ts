import { lstat, mkdir, realpath, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Rng, SomaError, randomId } from '@soma/core'
import { checkPackagePath } from '@soma/spec'
import { checkFileSet } from '../package/file-set.ts'

/** A file that an engine wrote. */
export interface WrittenFile {
  readonly path: string
  readonly localPath: string
  readonly sizeBytes: number
}

/** An empty folder on the store's own disk, so that what is written there becomes a blob without being copied. Disposing removes it. */
export class DraftFolder implements AsyncDisposable {
  readonly path: string

  static async create(store: { readonly directory: string }, rng: Rng): Promise<DraftFolder> {
    const folder = new DraftFolder(join(draftsOf(store), randomId(rng, 'draft')))
    await mkdir(folder.path, { recursive: true, mode: 0o700 })
    return folder
  }

  private constructor(path: string) {
    this.path = path
  }

  /**
   * What an engine says that it wrote, held against what is there: it is not trusted to name files of other people.
   * @throws {SomaError} `package/unsafe-path`, `engine/protocol`.
   */
  async written(paths: readonly string[], engine: string): Promise<WrittenFile[]> {
    checkFileSet(paths)
    return await Promise.all(paths.map((path) => this.#look(checkPackagePath(path), engine)))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true })
  }

  async #look(path: string, engine: string): Promise<WrittenFile> {
    const localPath = join(this.path, path)
    const stats = await lstat(localPath).catch(() => undefined)
    if (stats?.isFile() && (await this.#isInside(path))) return { path, localPath, sizeBytes: stats.size }
    throw new SomaError('engine/protocol', `engine ${engine} says that it wrote ${path}, where ${stats ? 'no file' : 'nothing'} is`, {
      details: { engine, path },
    })
  }

  /** A folder on the way may be a link to somewhere else. */
  async #isInside(path: string): Promise<boolean> {
    return (await realpath(join(this.path, path))) === join(await realpath(this.path), path)
  }
}

/** Removes what conversions of a daemon that did not end well left behind. */
export async function removeDrafts(store: { readonly directory: string }): Promise<void> {
  await rm(draftsOf(store), { recursive: true, force: true })
}

function draftsOf({ directory }: { readonly directory: string }): string {
  return join(directory, 'run', 'drafts')
}
