import type { InstalledModel } from '../ports.ts'
import { type EarlierVersion, nameOfVersion, versionKey } from './record.ts'

/** Earlier versions of models, kept for a rollback. */
export class EarlierVersions {
  readonly #byName = new Map<string, readonly EarlierVersion[]>()
  /** Keys of records that cannot be read: all that is left to do with them is to delete them. */
  readonly #damaged = new Map<string, readonly string[]>()

  /** Those of a model, the one that was replaced last first. */
  of(name: string): readonly EarlierVersion[] {
    return this.#byName.get(name) ?? []
  }

  /** All there are, sound ones only. */
  *all(): Generator<InstalledModel> {
    for (const versions of this.#byName.values()) for (const { model } of versions) yield model
  }

  /** Keys of all records of earlier versions of a model, damaged ones too. */
  keysOf(name: string): string[] {
    return [...this.of(name).map(({ model }) => versionKey(model)), ...(this.#damaged.get(name) ?? [])]
  }

  damagedKeys(): string[] {
    return [...this.#damaged.values()].flat()
  }

  /** Notes what was read from a record. */
  add(version: EarlierVersion): void {
    this.set(version.model.name, [...this.of(version.model.name), version])
  }

  addDamaged(key: string): void {
    const name = nameOfVersion(key)
    this.#damaged.set(name, [...(this.#damaged.get(name) ?? []), key])
  }

  /** Notes the sound ones of a model, as committed. */
  set(name: string, versions: readonly EarlierVersion[]): void {
    if (versions.length > 0)
      this.#byName.set(
        name,
        versions.toSorted((a, b) => b.replacedAt - a.replacedAt),
      )
    else this.#byName.delete(name)
  }

  /** Notes that records were deleted. */
  forget(keys: Iterable<string>): void {
    for (const key of keys) {
      const name = nameOfVersion(key)
      this.set(
        name,
        this.of(name).filter(({ model }) => versionKey(model) !== key),
      )
      const damaged = (this.#damaged.get(name) ?? []).filter((other) => other !== key)
      if (damaged.length > 0) this.#damaged.set(name, damaged)
      else this.#damaged.delete(name)
    }
  }
}
