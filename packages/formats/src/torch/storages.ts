import type { PickleValue } from '../pickle/values.ts'
import { type StorageType, storageType } from './dtypes.ts'

/** Storages of one file. */
const STORAGES_MAX = 1_000_000

export interface TorchStorage extends StorageType {
  readonly elements: number
  readonly sizeBytes: number
}

/** Collects the storages that a checkpoint's pickle asks for: `('storage', torch.FloatStorage, '0', 'cpu', 1024)`. */
export class Storages {
  readonly #byKey = new Map<string, TorchStorage>()

  /** Takes a persistent id; others than storages' are left out. */
  add(id: PickleValue): void {
    if (id.kind !== 'tuple') return
    const [tag, type, key, , elements] = id.items
    if (tag?.kind !== 'text' || tag.text !== 'storage' || type?.kind !== 'global' || key?.kind !== 'text' || elements?.kind !== 'integer')
      return
    const known = storageType(type.name)
    if (!known || elements.value < 0 || this.#byKey.size >= STORAGES_MAX) return
    this.#byKey.set(key.text, { ...known, elements: elements.value, sizeBytes: elements.value * known.elementBytes })
  }

  get byKey(): ReadonlyMap<string, TorchStorage> {
    return this.#byKey
  }

  /** Elements of all storages, each counted once however many tensors share it; null when there are none. */
  get parameters(): number | null {
    const sum = this.#sum(({ elements }) => elements)
    return this.#byKey.size > 0 && Number.isSafeInteger(sum) ? sum : null
  }

  get sizeBytes(): number {
    return this.#sum(({ sizeBytes }) => sizeBytes)
  }

  /** Most bytes first. */
  get dtypes(): ReadonlyMap<string, number> {
    const bytes = new Map<string, number>()
    for (const { dtype, sizeBytes } of this.#byKey.values()) bytes.set(dtype, (bytes.get(dtype) ?? 0) + sizeBytes)
    return new Map([...bytes].sort(([, a], [, b]) => b - a))
  }

  #sum(of: (storage: TorchStorage) => number): number {
    return this.#byKey.values().reduce((sum, storage) => sum + of(storage), 0)
  }
}
