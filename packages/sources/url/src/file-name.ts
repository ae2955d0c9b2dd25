import { type Artifact, archiveKind } from '@soma/spec'
import { FILE_NAME_BYTES_MAX } from './limits.ts'

const archiveTypes: Readonly<Record<string, Artifact['kind']>> = {
  'application/zip': 'zip',
  'application/x-zip-compressed': 'zip',
  'application/x-tar': 'tar',
  'application/gzip': 'tar.gz',
  'application/x-gzip': 'tar.gz',
  'application/x-tgz': 'tar.gz',
  'application/x-gtar': 'tar.gz',
}

/** The last part of the address; where that has no extension (`/download?id=7`), the name that the server proposes. */
export function artifactFileName(url: string, headers: Readonly<Record<string, string>>): string {
  const fromPath = safeName(decoded(new URL(url).pathname.replace(/\/$/, '')))
  if (fromPath !== undefined && /.\.[a-z0-9]+$/i.test(fromPath)) return fromPath
  return safeName(dispositionName(headers['content-disposition'] ?? '')) ?? fromPath ?? 'download'
}

/** By extension; by content type only for a name without one, because gzip alone is no tar. */
export function artifactKind(fileName: string, contentType: string | undefined): Artifact['kind'] {
  if (/.\.[a-z0-9]+$/i.test(fileName)) return archiveKind(fileName)
  const type = contentType?.split(';')[0]?.trim().toLowerCase()
  return archiveTypes[type ?? ''] ?? 'file'
}

/** RFC 6266: `filename*` wins over `filename`. */
function dispositionName(header: string): string {
  const extended = /filename\*=(?:utf-8)?'[^']*'([^;\s]+)/i.exec(header)?.[1]
  if (extended !== undefined) return decoded(extended)
  return /filename="((?:[^"\\]|\\.)*)"/i.exec(header)?.[1]?.replaceAll(/\\(.)/g, '$1') ?? /filename=([^;\s]+)/i.exec(header)?.[1] ?? ''
}

/** Only a last path part, and never one that means a folder. */
function safeName(text: string): string | undefined {
  const last = text.split(/[/\\]/).at(-1) ?? ''
  // eslint-disable-next-line no-control-regex -- control characters are what is taken out.
  const name = last.replaceAll(/[\u0000-\u001f\u007f]/g, '')
  const usable = name !== '' && name !== '.' && name !== '..' && new TextEncoder().encode(name).byteLength <= FILE_NAME_BYTES_MAX
  return usable ? name : undefined
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
