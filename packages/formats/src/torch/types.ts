import type { PickleFinding } from '../pickle/machine.ts'
import type { PickleScanOptions } from '../pickle/scan.ts'
import type { ByteReader } from '../reader.ts'

/** A file that Python programs unpickle: a checkpoint, an array, or any other. */
export interface PickleFile {
  /** `archive`: a zip of something else. `raw`: no pickle, just bytes. */
  readonly kind: 'pytorch' | 'torchscript' | 'exported-program' | 'numpy' | 'pickle' | 'archive' | 'raw'
  /** Elements of all tensors, each storage counted once; null where the file does not say it. */
  readonly parameters: number | null
  /** Bytes by element type, most first. */
  readonly dtypes: ReadonlyMap<string, number>
  /** Empty unless `allowUnsafe`. */
  readonly findings: readonly PickleFinding[]
}

export interface ArchiveOptions extends Pick<PickleScanOptions, 'allowUnsafe'> {
  /** It may be just bytes; so may every file called `.bin`. */
  readonly permissive?: boolean
  /** Archives around this one. */
  readonly depth?: number
}

export type InspectPickleFile = (reader: ByteReader, options: ArchiveOptions) => Promise<PickleFile>
