import { setImmediate as nextTurn } from 'node:timers/promises'
import type { BlobDigest } from '@soma/core'
import type { ModelPackage } from '@soma/spec'
import type { InstalledModel, Registry } from '../ports.ts'
import { Aliases } from './aliases.ts'
import { Layouts } from './layouts.ts'
import { modelNotFound } from './nearest.ts'
import { PagedRecords, type PagedRecordsDeps, type Parsed } from './paged-records.ts'
import { ALIAS_KIND, type EarlierVersion, PACKAGE_KIND, VERSION_KIND, parseAlias, parseRecord, parseVersion } from './record.ts'
import { EarlierVersions } from './versions.ts'

export type RegistryDeps = PagedRecordsDeps

/** The registry as those see it who change it. */
export interface ModelRegistry extends Registry {
  /** The sound model of exactly this name, if there is one: an alias is not resolved. */
  find(name: string): InstalledModel | undefined
  /** Whether there is a record of exactly this name, sound or not. */
  has(name: string): boolean
  /** Notes a record that was committed. */
  apply(model: InstalledModel): void
  /** Notes that a model is gone, and with it its aliases and earlier versions. */
  forget(name: string): void
  /** Bytes of this model and its earlier versions that no other model uses. */
  ownBytes(name: string): number
  /** Whether the files of exactly this package are laid out for an engine now. */
  isOpen(model: InstalledModel): boolean
  readonly aliases: Aliases
  readonly versions: EarlierVersions
  /** Reads the records ahead of need, between other work. */
  warmUp(signal: AbortSignal): Promise<void>
}

/** Opens the registry of the packages in `store`. Folders that an earlier run laid out are removed. */
export function createRegistry(deps: RegistryDeps): ModelRegistry {
  return new StoredRegistry(deps)
}

type Entry = Parsed<InstalledModel>

/** Records are read and parsed once; from then on what is committed keeps the copy in memory true. */
class StoredRegistry implements ModelRegistry {
  readonly #deps: RegistryDeps
  readonly #layouts: Layouts
  readonly #entries = new Map<string, Entry>()
  readonly #aliases = new Aliases()
  readonly #versions = new EarlierVersions()
  readonly #packageRecords: PagedRecords<InstalledModel>
  readonly #aliasRecords: PagedRecords<string>
  readonly #versionRecords: PagedRecords<EarlierVersion>
  /** Sound models by name; made anew after a change. */
  #sorted: readonly InstalledModel[] | undefined

  constructor(deps: RegistryDeps) {
    this.#deps = deps
    this.#layouts = new Layouts(deps.store)
    this.#packageRecords = new PagedRecords(deps, PACKAGE_KIND, {
      parse: parseRecord,
      // What is known is newer, or was read alone.
      found: (key, entry) => this.#entries.has(key) || this.#entries.set(key, entry),
    })
    this.#aliasRecords = new PagedRecords(deps, ALIAS_KIND, {
      parse: parseAlias,
      found: (alias, parsed) => 'sound' in parsed && this.#aliases.set(alias, parsed.sound),
    })
    this.#versionRecords = new PagedRecords(deps, VERSION_KIND, {
      parse: parseVersion,
      found: (key, parsed) => ('sound' in parsed ? this.#versions.add(parsed.sound) : this.#versions.addDamaged(key)),
    })
  }

  get aliases(): Aliases {
    this.#aliasRecords.finish()
    return this.#aliases
  }

  get versions(): EarlierVersions {
    this.#versionRecords.finish()
    return this.#versions
  }

  async warmUp(signal: AbortSignal): Promise<void> {
    for (const records of [this.#aliasRecords, this.#packageRecords, this.#versionRecords])
      do await nextTurn()
      while (!signal.aborted && records.step())
  }

  get(name: string): InstalledModel {
    const entry = this.#entry(this.resolve(name))
    if (!entry) throw modelNotFound(name, [...this.#all().keys(), ...this.aliases.names()])
    if ('corrupt' in entry) throw entry.corrupt
    return entry.sound
  }

  find(name: string): InstalledModel | undefined {
    const entry = this.#entry(name)
    return entry && 'sound' in entry ? entry.sound : undefined
  }

  has(name: string): boolean {
    return this.#entry(name) !== undefined
  }

  resolve(name: string): string {
    // A model's own name counts for more, however the alias came to be there.
    return this.has(name) ? name : (this.aliases.targetOf(name) ?? name)
  }

  list(): InstalledModel[] {
    return [...(this.#sorted ??= this.#sort())]
  }

  async open(model: InstalledModel): Promise<ModelPackage & AsyncDisposable> {
    const opened = await this.#layouts.open(model)
    const close = async (): Promise<void> => {
      await opened[Symbol.asyncDispose]()
      await this.#letGo(model)
    }
    return { ...opened, [Symbol.asyncDispose]: close }
  }

  /** A package that was removed or replaced while it was in use goes when it is no longer. */
  async #letGo(model: InstalledModel): Promise<void> {
    const kept = [this.find(model.name), ...this.versions.of(model.name).map((version) => version.model)]
    if (this.isOpen(model) || kept.some((one) => one?.digest === model.digest)) return
    try {
      await this.#deps.store.blobs.collect({})
    } catch (error) {
      this.#deps.log.debug('the files of a package that was in use could not be freed', { model: model.name, error })
    }
  }

  isOpen(model: InstalledModel): boolean {
    return this.#layouts.isOpen(model)
  }

  apply(model: InstalledModel): void {
    this.#entries.set(model.name, { sound: model })
    this.#sorted = undefined
  }

  forget(name: string): void {
    this.#entries.delete(name)
    for (const alias of this.aliases.of(name)) this.aliases.delete(alias)
    this.versions.forget(this.versions.keysOf(name))
    this.#sorted = undefined
  }

  ownBytes(name: string): number {
    const own = new Map<BlobDigest, number>()
    const current = this.find(name)
    const earlier = this.versions.of(name).map(({ model }) => model)
    for (const model of [...(current ? [current] : []), ...earlier])
      for (const { digest, sizeBytes } of model.files) own.set(digest, sizeBytes)
    for (const models of [this.list(), this.versions.all()])
      for (const model of models) if (model.name !== name) for (const { digest } of model.files) own.delete(digest)
    return own.values().reduce((sum, sizeBytes) => sum + sizeBytes, 0)
  }

  /** One record is found without the others. */
  #entry(name: string): Entry | undefined {
    const known = this.#entries.get(name)
    if (known || this.#packageRecords.isDone) return known
    const entry = this.#packageRecords.one(name)
    if (entry) this.#entries.set(name, entry)
    return entry
  }

  #all(): ReadonlyMap<string, Entry> {
    this.#packageRecords.finish()
    return this.#entries
  }

  #sort(): readonly InstalledModel[] {
    const models = [...this.#all().values()].flatMap((entry) => ('sound' in entry ? [entry.sound] : []))
    return models.sort((a, b) => (a.name < b.name ? -1 : 1))
  }
}
