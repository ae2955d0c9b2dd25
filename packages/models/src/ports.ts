import type { BlobDigest } from '@soma/core'
import type { Knowledge, Manifest, ModelPackage, Signature } from '@soma/spec'

/** An installed package, as the registry's record keeps it. */
export interface InstalledModel {
  readonly name: string
  readonly version: string
  /** The pinned reference it was installed from. */
  readonly reference: string
  /** The reference as it was asked for, without credentials: what an update asks for again. */
  readonly wanted: string
  readonly format: string
  readonly task: string
  /** Id of the engine that its package names or that knew it when it came, null when none did; and the manifest's settings for it. */
  readonly engine: string | null
  readonly settings: Readonly<Record<string, unknown>>
  readonly licence: string | null
  readonly files: readonly InstalledFile[]
  /** Read from the files where the format says it, else from the manifest; null when only the engine knows, after loading. */
  readonly signature: Signature | null
  /** What the files say of themselves. */
  readonly knowledge: Knowledge | null
  readonly manifest: Manifest
  /** The signatures that came with it and the manifest that they are over, in JSON (`KeptSignature` of signing); null when nobody signed. */
  readonly signatureBundle: string | null
  /** Stays at this version. */
  readonly pinned: boolean
  /** sha256 over the sorted list of file paths and digests: equal packages have equal digests. */
  readonly digest: BlobDigest
  readonly installedAt: number
}

/** A model that some engine loads. */
export type RunnableModel = InstalledModel & { readonly engine: string }

export interface InstalledFile {
  readonly path: string
  readonly role: string | null
  readonly sizeBytes: number
  readonly digest: BlobDigest
}

/** What the runtime needs of the registry. */
export interface Registry {
  /**
   * The model of a name or an alias; its own name is in it.
   * @throws {SomaError} `model/not-found` with the nearest names in `details.nearest`; `store/corrupt`.
   */
  get(name: string): InstalledModel
  /** The name of the model that a name or an alias stands for. Whether it is there is another question. */
  resolve(name: string): string
  /** By name. */
  list(): InstalledModel[]
  /**
   * Lays the package's files out in a folder, by link, and leases its blobs, until disposed.
   * @throws {SomaError} `package/corrupt` when a blob is missing or has the wrong size.
   */
  open(model: InstalledModel): Promise<ModelPackage & AsyncDisposable>
}

/** What the registry's handlers need of the runtime. */
export interface Running {
  /** Id of the engine that would run it now, null when none here loads the format. */
  engineOf(model: InstalledModel): string | null
  /** Kinds of the records, under the model's name, of what was set for it and learned of it: they go with the model. */
  recordsOf(name: string): readonly string[]
  /** The model is gone. */
  forget(name: string): void
  isLoaded(name: string): boolean
  /** True while calls of this model run or wait. */
  isBusy(name: string): boolean
  /** Ends the model's process once its calls are done. @returns whether it was loaded. */
  unload(name: string): Promise<boolean>
}
