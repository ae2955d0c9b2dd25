import type { BlobDigest, Log } from '@soma/core'
import { SomaError, isSomaError } from '@soma/core'
import type { ModelPackage } from '@soma/spec'
import type { Store } from '@soma/store'
import type { InstalledModel, Registry } from '../ports.ts'
import { Layouts } from './layouts.ts'
import { nearestNames } from './nearest.ts'
import { PACKAGE_KIND, parseRecord } from './record.ts'

export interface RegistryDeps {
  readonly store: Store
  readonly log: Log
}

/** The registry as those see it who change it. */
export interface ModelRegistry extends Registry {
  /** The model of that name, if there is a sound one. */
  find(name: string): InstalledModel | undefined
  /** Whether there is a record of that name, sound or not. */
  has(name: string): boolean
  /** Notes a record that was committed. */
  apply(model: InstalledModel): void
  /** Notes that a record was deleted. */
  forget(name: string): void
  /** Bytes of this model that no other model uses. */
  ownBytes(name: string): number
}

/** Opens the registry of the packages in `store`. Folders that an earlier run laid out are removed. */
export function createRegistry(deps: RegistryDeps): ModelRegistry {
  return new StoredRegistry(deps)
}

/** A sound record, or why it is not. */
type Entry = { readonly model: InstalledModel } | { readonly corrupt: SomaError }

/** Records are read and parsed once; from then on what is committed keeps the copy in memory true. */
class StoredRegistry implements ModelRegistry {
  readonly #store: Store
  readonly #log: Log
  readonly #layouts: Layouts
  #read: Map<string, Entry> | undefined

  constructor({ store, log }: RegistryDeps) {
    this.#store = store
    this.#log = log
    this.#layouts = new Layouts(store)
  }

  get(name: string): InstalledModel {
    const entry = this.#entries().get(name)
    if (!entry) throw this.#notFound(name)
    if ('corrupt' in entry) throw entry.corrupt
    return entry.model
  }

  find(name: string): InstalledModel | undefined {
    const entry = this.#entries().get(name)
    return entry && 'model' in entry ? entry.model : undefined
  }

  has(name: string): boolean {
    return this.#entries().has(name)
  }

  list(): InstalledModel[] {
    const models: InstalledModel[] = []
    for (const entry of this.#entries().values()) if ('model' in entry) models.push(entry.model)
    return models.sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  open(model: InstalledModel): Promise<ModelPackage & AsyncDisposable> {
    return this.#layouts.open(model)
  }

  apply(model: InstalledModel): void {
    this.#entries().set(model.name, { model })
  }

  forget(name: string): void {
    this.#entries().delete(name)
  }

  ownBytes(name: string): number {
    const own = new Map<BlobDigest, number>(this.find(name)?.files.map(({ digest, sizeBytes }) => [digest, sizeBytes]))
    for (const model of this.list()) if (model.name !== name) for (const { digest } of model.files) own.delete(digest)
    return own.values().reduce((sum, sizeBytes) => sum + sizeBytes, 0)
  }

  #entries(): Map<string, Entry> {
    return (this.#read ??= this.#readAll())
  }

  #readAll(): Map<string, Entry> {
    const entries = new Map<string, Entry>()
    for (const row of this.#store.records.scan(PACKAGE_KIND)) {
      const entry = readEntry(row)
      if ('corrupt' in entry)
        this.#log.error('a model’s record is corrupt; the model is left out', { model: row.key, error: entry.corrupt })
      entries.set(row.key, entry)
    }
    return entries
  }

  #notFound(name: string): SomaError {
    const nearest = nearestNames(name, this.#entries().keys())
    const hint = nearest.length > 0 ? `did you mean ${nearest.join(', ')}?` : 'soma model list shows those that are'
    return new SomaError('model/not-found', `no model ${JSON.stringify(name)} is installed; ${hint}`, { details: { name, nearest } })
  }
}

function readEntry(row: { readonly key: string } & ({ readonly value: unknown } | { readonly corrupt: string })): Entry {
  if ('corrupt' in row)
    return {
      corrupt: new SomaError(
        'store/corrupt',
        `the record of the model ${JSON.stringify(row.key)} is damaged (${row.corrupt}); remove the model and install it again`,
        {
          details: { record: `${PACKAGE_KIND}/${row.key}`, reason: row.corrupt },
        },
      ),
    }
  try {
    return { model: parseRecord(row.key, row.value) }
  } catch (error) {
    if (isSomaError(error)) return { corrupt: error }
    throw error
  }
}
