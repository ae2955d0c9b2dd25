import type { Knowledge, Signature } from '@soma/spec'
import type { PickleFinding } from '../pickle/machine.ts'
import type { ByteReader } from '../reader.ts'
import type { SafetensorsHeader } from '../safetensors/safetensors-header.ts'

/** A file of a package, read when it is needed. */
export interface PackageSource {
  readonly sizeBytes: number
  open(): Promise<ByteReader & AsyncDisposable>
}

/** The files of a package by path inside it. */
export type PackageSources = ReadonlyMap<string, PackageSource>

/** What a package is: its format, and which file plays which role. */
export interface Recognition {
  readonly format: string
  /** Role → path: `model`, or the first file of a model in several. */
  readonly roles: Readonly<Record<string, string>>
}

export interface UnderstandOptions {
  readonly signal?: AbortSignal
  /** Pickles that would call more than loading weights needs become warnings. */
  readonly allowUnsafe?: boolean
  /** Known already, from a manifest or an engine's layout: not asked again. */
  readonly known?: Recognition
  /** What others say of the model; what its files and its card say counts for more. */
  readonly stated?: {
    readonly format?: string | undefined
    readonly task?: string | undefined
    readonly licence?: string | undefined
    readonly summary?: string | undefined
    readonly framework?: string | undefined
  }
  /** Which files are kept, given those that the model cannot be without; those alone are checked. All of them when absent. */
  readonly keep?: (core: ReadonlySet<string>) => Iterable<string>
  /** A file whose header or opcodes were checked. */
  readonly onScan?: (path: string, format: string) => void
}

export interface Understanding extends Recognition {
  readonly knowledge: Knowledge
  /** Inputs and outputs, where the model's file says them. */
  readonly signature: Signature | null
  /** Files that the model cannot be without: those with a role, their other shards, their weights. */
  readonly core: ReadonlySet<string>
  /** Those that are kept, the core among them. */
  readonly kept: readonly string[]
  /** What unsafe pickles among them would do, a sentence each; empty unless `allowUnsafe`. */
  readonly unsafe: readonly string[]
}

/** What the header of one file says. */
export interface FileFacts {
  /** As knowledge names formats. */
  readonly format: string
  readonly parameters: number | null
  /** Bytes of the weights, by element type. */
  readonly bytesByType: ReadonlyMap<string, number>
  readonly signature?: Signature | null
  readonly architecture?: string | null
  readonly framework?: string | null
  readonly quantisation?: string | null
  readonly contextLength?: number | null
  readonly opsets?: Readonly<Record<string, number>>
  readonly tokenizer?: string | null
  readonly chatTemplate?: string | null
  readonly licence?: string | null
  readonly task?: string | null
  /** Other files of the package that belong to it. */
  readonly companions?: readonly string[]
  /** Bytes beside the weights for a context of so many tokens; null where that cannot be computed. */
  readonly cacheBytes?: (contextLength: number) => number | null
  readonly findings?: readonly PickleFinding[]
  /** Completes "<path> …": a sentence each. */
  readonly warnings?: readonly string[]
  /** Of safetensors, to be held against the index of shards. */
  readonly header?: SafetensorsHeader
  /** What it is for a model that is no whole one: `projector`, `adapter`. */
  readonly part?: string | null
}
