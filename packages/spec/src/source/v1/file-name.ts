import type { Artifact } from './source.ts'

/** What a file is unpacked as, by the end of its name. `.axon` is Axon's gzip tar, `.whl` Python's zip. */
export function archiveKind(fileName: string): Artifact['kind'] {
  if (/\.(tar\.gz|tgz|axon)$/i.test(fileName)) return 'tar.gz'
  if (/\.tar$/i.test(fileName)) return 'tar'
  if (/\.(zip|whl)$/i.test(fileName)) return 'zip'
  return 'file'
}

/** A file name without its last extension, or without the two of `.tar.gz`. */
export function fileStem(fileName: string): string {
  return fileName.replace(/(?<=.)\.(tar\.gz|[a-z0-9]{1,12})$/i, '')
}

/** As the `ModelName` of the calls. */
const MODEL_NAME_LENGTH_MAX = 128

/** A proposed model name from any text: lower case, other characters than names allow as `-`. */
export function modelNameOf(text: string): string {
  const name = text.toLowerCase().replaceAll(/[^a-z0-9._-]+/g, '-')
  const trimmed = name.slice(0, MODEL_NAME_LENGTH_MAX).replaceAll(/^[^a-z0-9]+|[^a-z0-9]+$/g, '')
  return trimmed || 'model'
}
