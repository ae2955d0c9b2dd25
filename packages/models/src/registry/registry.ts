import type { BlobDigest, Log } from '@soma/core'
import { type SomaError, isSomaError } from '@soma/core'
import type { ModelPackage } from '@soma/spec'
import type { Store } from '@soma/store'
import type { InstalledModel, Registry } from '../ports.ts'
import { Aliases } from './aliases.ts'
import { Layouts } from './layouts.ts'
import { modelNotFound } from './nearest.ts'
import { ALIAS_KIND, PACKAGE_KIND, VERSION_KIND, corruptRecord, parseAlias, parseRecord, parseVersion } from './record.ts'
import { EarlierVersions } from './versions.ts'

export interface RegistryDeps {
  readonly store: Store
  readonly log: Log
}

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
}

/** Opens the registry of the packages in `store`. Folders that an earlier run laid out are removed. */
export function createRegistry(deps: RegistryDeps): ModelRegistry {
  return new StoredRegistry(deps)
}

/** A sound record, or why it is not. */
type Entry = { readonly model: InstalledModel } | { readonly corrupt: SomaError }

interface Contents {
  readonly entries: Map<string, Entry>
  readonly aliases: Aliases
  readonly versions: EarlierVersions
}

/** Records are read and parsed once; from then on what is committed keeps the copy in memory true. */
class StoredRegistry implements ModelRegistry {
  readonly #store: Store
  readonly #log: Log
  readonly #layouts: Layouts
  #read: Contents | undefined
  /** Sound models by name; made anew after a change. */
  #sorted: readonly InstalledModel[] | undefined

  constructor({ store, log }: RegistryDeps) {
    this.#store = store
    this.#log = log
    this.#layouts = new Layouts(store)
  }

  get aliases(): Aliases {
    return this.#contents.aliases
  }

  get versions(): EarlierVersions {
    return this.#contents.versions
  }

  get(name: string): InstalledModel {
    const { entries, aliases } = this.#contents
    const entry = entries.get(this.resolve(name))
    if (!entry) throw modelNotFound(name, [...entries.keys(), ...aliases.names()])
    if ('corrupt' in entry) throw entry.corrupt
    return entry.model
  }

  find(name: string): InstalledModel | undefined {
    const entry = this.#contents.entries.get(name)
    return entry && 'model' in entry ? entry.model : undefined
  }

  has(name: string): boolean {
    return this.#contents.entries.has(name)
  }

  resolve(name: string): string {
    return this.aliases.targetOf(name) ?? name
  }

  list(): InstalledModel[] {
    return [...(this.#sorted ??= this.#sort())]
  }

  open(model: InstalledModel): Promise<ModelPackage & AsyncDisposable> {
    return this.#layouts.open(model)
  }

  isOpen(model: InstalledModel): boolean {
    return this.#layouts.isOpen(model)
  }

  apply(model: InstalledModel): void {
    this.#contents.entries.set(model.name, { model })
    this.#sorted = undefined
  }

  forget(name: string): void {
    const { entries, aliases, versions } = this.#contents
    entries.delete(name)
    for (const alias of aliases.of(name)) aliases.delete(alias)
    versions.forget(versions.keysOf(name))
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

  get #contents(): Contents {
    return (this.#read ??= this.#readAll())
  }

  #sort(): readonly InstalledModel[] {
    const models = [...this.#contents.entries.values()].flatMap((entry) => ('model' in entry ? [entry.model] : []))
    return models.sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  #readAll(): Contents {
    const contents: Contents = { entries: new Map(), aliases: new Aliases(), versions: new EarlierVersions() }
    const { entries, aliases, versions } = contents
    this.#each(PACKAGE_KIND, parseRecord, {
      sound: (key, model) => entries.set(key, { model }),
      corrupt: (key, corrupt) => entries.set(key, { corrupt }),
    })
    this.#each(VERSION_KIND, parseVersion, {
      sound: (_key, version) => versions.add(version),
      corrupt: (key) => versions.addDamaged(key),
    })
    this.#each(ALIAS_KIND, parseAlias, {
      // A model's own name counts for more, however the alias came to be there.
      sound: (alias, model) => entries.has(alias) || aliases.set(alias, model),
      corrupt: () => undefined,
    })
    return contents
  }

  #each<T>(
    kind: string,
    parse: (key: string, value: unknown) => T,
    found: { sound(key: string, value: T): unknown; corrupt(key: string, why: SomaError): unknown },
  ): void {
    for (const row of this.#store.records.scan(kind)) {
      try {
        if ('corrupt' in row) throw corruptRecord(kind, row.key, row.corrupt)
        found.sound(row.key, parse(row.key, row.value))
      } catch (error) {
        if (!isSomaError(error)) throw error
        this.#log.error('a record of a model is corrupt; it is left out', { record: `${kind}/${row.key}`, error })
        found.corrupt(row.key, error)
      }
    }
  }
}
