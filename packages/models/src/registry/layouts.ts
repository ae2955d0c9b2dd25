import { rmSync } from 'node:fs'
import { mkdir, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type BlobDigest, SomaError, isSomaError } from '@soma/core'
import { MANIFEST_FILE_NAME, type ModelPackage, type PackageFile } from '@soma/spec'
import type { Store } from '@soma/store'
import { sha256Digest } from '../package/file-set.ts'
import { writeManifest } from '../package/manifest.ts'
import { inParallel } from '../parallel.ts'
import type { InstalledFile, InstalledModel } from '../ports.ts'
import { LAYOUT_PARALLEL } from './limits.ts'

/** A package laid out in a folder, and how many use it. */
interface Layout {
  readonly name: string
  readonly digest: BlobDigest
  readonly ready: Promise<ModelPackage>
  readonly lease: Disposable
  users: number
}

/**
 * Folders with the files of packages, for engines that want them side by side under their own names. Made of links,
 * shared by all who open the same package, and removed when nobody does.
 */
export class Layouts {
  readonly #store: Store
  readonly #folder: string
  readonly #open = new Map<string, Layout>()
  /** Removals under way: a folder is made anew only when its old one is gone. */
  readonly #removing = new Map<string, Promise<void>>()

  constructor(store: Store) {
    this.#store = store
    this.#folder = join(store.directory, 'run', 'packages')
    // What is there was left by a process that did not end well; nobody uses it, because one process owns the store.
    rmSync(this.#folder, { recursive: true, force: true })
  }

  async open(model: InstalledModel): Promise<ModelPackage & AsyncDisposable> {
    const manifest = writeManifest(model.manifest)
    // The manifest is in the name: equal files under other settings are another package.
    const key = sha256Digest(`${model.name}\n${model.digest}\n${manifest}`).slice('sha256:'.length)
    await this.#removing.get(key)
    const layout = this.#open.get(key) ?? this.#start(key, model, manifest)
    layout.users++
    let open = true
    const close = async (): Promise<void> => {
      if (!open) return
      open = false
      if (--layout.users === 0) await this.#remove(key, layout)
    }
    try {
      return { ...(await layout.ready), [Symbol.asyncDispose]: close }
    } catch (error) {
      await close()
      throw error
    }
  }

  /** Whether somebody has this package's files laid out now. */
  isOpen({ name, digest }: InstalledModel): boolean {
    return this.#open.values().some((layout) => layout.name === name && layout.digest === digest)
  }

  #start(key: string, model: InstalledModel, manifest: string): Layout {
    const lease = this.#store.blobs.lease(model.files.map(({ digest }) => digest))
    const { name, digest } = model
    const layout: Layout = { name, digest, ready: this.#layOut(join(this.#folder, key), model, manifest), lease, users: 0 }
    this.#open.set(key, layout)
    return layout
  }

  async #remove(key: string, { lease }: Layout): Promise<void> {
    this.#open.delete(key)
    const removed = rm(join(this.#folder, key), { recursive: true, force: true }).finally(() => {
      this.#removing.delete(key)
      lease[Symbol.dispose]()
    })
    this.#removing.set(key, removed)
    await removed
  }

  async #layOut(directory: string, model: InstalledModel, manifest: string): Promise<ModelPackage> {
    const { name, format, task } = model
    await mkdir(directory, { recursive: true, mode: 0o700 })
    const files: PackageFile[] = model.files.map(({ path, sizeBytes }) => ({
      path,
      sizeBytes,
      localPath: join(directory, ...path.split('/')),
    }))
    for (const folder of new Set(files.map(({ localPath }) => dirname(localPath)))) await mkdir(folder, { recursive: true, mode: 0o700 })
    await inParallel(model.files, LAYOUT_PARALLEL, async (file) => this.#link(directory, model, file))
    await writeFile(join(directory, MANIFEST_FILE_NAME), manifest, { mode: 0o400 })
    const roles = model.files.flatMap(({ path, role }) => (role === null ? [] : [[role, path] as const]))
    return { name, format, task, directory, files, roles: Object.fromEntries(roles) }
  }

  async #link(directory: string, model: InstalledModel, file: InstalledFile): Promise<void> {
    const { digest, path, sizeBytes } = file
    const target = join(directory, ...path.split('/'))
    try {
      await this.#store.blobs.link(digest, target)
    } catch (error) {
      if (!isSomaError(error, 'store/not-found')) throw error
      throw corrupt(model, file, 'it is missing')
    }
    const { size } = await stat(target)
    if (size !== sizeBytes) throw corrupt(model, file, `it has ${size} bytes instead of ${sizeBytes}`)
  }
}

function corrupt(model: InstalledModel, { path, digest }: InstalledFile, reason: string): SomaError {
  return new SomaError('package/corrupt', `${path} of ${model.name} is damaged: ${reason}; remove the model and install it again`, {
    details: { model: model.name, path, digest, reason },
  })
}
