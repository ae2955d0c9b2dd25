import { createHash } from 'node:crypto'
import type { ServedFile, ServedRequest } from './served-file.ts'

export interface NpmVersion {
  readonly tarball: Uint8Array
  /** More of package.json: licence, description, deprecated. */
  readonly manifest?: Readonly<Record<string, unknown>>
}

export interface NpmPackage {
  readonly versions: Readonly<Record<string, NpmVersion>>
  /** `latest` is the last version unless named here. */
  readonly tags?: Readonly<Record<string, string>>
  /** When versions were published, in the full index only. */
  readonly time?: Readonly<Record<string, string>>
}

export interface NpmRegistryOptions {
  /** Where on the server, without a slash at the end: `/npm`. */
  readonly at: string
  readonly authorization?: string
}

/** Files for `createFaultyServer` that look to npm's own client like a registry: packuments and tarballs. */
export function npmRegistry(packages: Readonly<Record<string, NpmPackage>>, options: NpmRegistryOptions): Record<string, ServedFile> {
  const files: Record<string, ServedFile> = {}
  const auth = options.authorization === undefined ? {} : { authorization: options.authorization }
  for (const [name, contents] of Object.entries(packages)) {
    files[`${options.at}/${name}`] = {
      ...auth,
      contentType: 'application/json',
      body: (request) => JSON.stringify(packument(name, withTime(contents, request), { ...options, ...request })),
    }
    for (const [version, { tarball, manifest }] of Object.entries(contents.versions)) {
      files[`${options.at}/${name}/${version}`] = {
        ...auth,
        contentType: 'application/json',
        body: JSON.stringify({ ...manifest, name, version }),
      }
      files[`${options.at}${tarballPath(name, version)}`] = { ...auth, contentType: 'application/octet-stream', body: tarball }
    }
  }
  return files
}

/** Real registries leave the dates out of the abridged form. */
function withTime(contents: NpmPackage, { headers }: ServedRequest): NpmPackage {
  const { time: _, ...abridged } = contents
  return headers['accept']?.includes('install-v1') ? abridged : contents
}

function packument(name: string, { versions, tags, time }: NpmPackage, options: NpmRegistryOptions & ServedRequest): object {
  const latest = Object.keys(versions).at(-1)
  const described = Object.entries(versions).map(([version, { tarball, manifest }]) => {
    const dist = { tarball: `${options.origin}${options.at}${tarballPath(name, version)}`, ...hashes(tarball) }
    return [version, { ...manifest, name, version, dist }]
  })
  return { name, 'dist-tags': { latest, ...tags }, versions: Object.fromEntries(described) as object, ...(time && { time }) }
}

function hashes(tarball: Uint8Array): { readonly integrity: string; readonly shasum: string } {
  const digest = (algorithm: string, encoding: 'hex' | 'base64'): string => createHash(algorithm).update(tarball).digest(encoding)
  return { integrity: `sha512-${digest('sha512', 'base64')}`, shasum: digest('sha1', 'hex') }
}

function tarballPath(name: string, version: string): string {
  return `/${name}/-/${name.replace(/^.*\//, '')}-${version}.tgz`
}
