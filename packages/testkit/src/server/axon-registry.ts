import { createHash } from 'node:crypto'
import type { Served, ServedFile } from './served-file.ts'

export interface AxonVersion {
  /** The `.axon` file. */
  readonly archive: Uint8Array
  readonly description?: string
  readonly licence?: string
  /** False writes a manifest without a hash. */
  readonly hashed?: boolean
}

export interface AxonRegistryOptions {
  readonly token?: string
  /** Serve `latest` as a version too. */
  readonly latest?: boolean
}

/** Files for `createFaultyServer` that look like an Axon registry: manifests, archives, search. By `namespace/name`, then version. */
export function axonRegistry(
  models: Readonly<Record<string, Readonly<Record<string, AxonVersion>>>>,
  { token, latest = false }: AxonRegistryOptions = {},
): Record<string, Served> {
  const auth = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const files: Record<string, Served> = { '/api/v1/search': searchOf(models, auth) }
  for (const [model, versions] of Object.entries(models)) {
    for (const [version, contents] of Object.entries(versions)) {
      const archivePath = `/packages/${model.replaceAll('/', '-')}-${version}.axon`
      const manifest: ServedFile = {
        ...auth,
        contentType: 'application/x-yaml',
        body: ({ origin }) => manifestOf(model, version, { ...contents, url: origin + archivePath }),
      }
      files[archivePath] = { ...auth, body: contents.archive }
      files[`/api/v1/models/${model}/${version}/manifest.yaml`] = manifest
      if (latest) files[`/api/v1/models/${model}/latest/manifest.yaml`] = manifest
    }
  }
  return files
}

function manifestOf(model: string, version: string, contents: AxonVersion & { readonly url: string }): string {
  const { archive, description = 'A model', licence = 'MIT', hashed = true, url } = contents
  const [namespace, ...name] = model.split('/')
  const sha256 = hashed ? createHash('sha256').update(archive).digest('hex') : 'placeholder-sha256-checksum'
  return `apiVersion: v1
kind: Model
metadata:
    name: ${name.join('/')}
    namespace: ${namespace}
    version: ${version}
    description: ${description}
    license: ${licence}
spec:
    framework: { name: PyTorch, version: 2.0.0 }
    format: { type: pytorch, files: [] }
distribution:
    package:
        url: ${url}
        size: ${archive.byteLength}
        sha256: ${sha256}
`
}

function searchOf(models: Parameters<typeof axonRegistry>[0], auth: Pick<ServedFile, 'authorization'>): Served {
  const all = Object.entries(models).flatMap(([model, versions]) => {
    const [namespace, ...name] = model.split('/')
    return Object.entries(versions).map(([version, { description = 'A model' }]) => ({
      namespace,
      name: name.join('/'),
      version,
      description,
      framework: 'PyTorch',
      tags: [],
    }))
  })
  return ({ query }) => {
    const wanted = new URLSearchParams(query).get('q') ?? ''
    return { ...auth, contentType: 'application/json', body: JSON.stringify(all.filter(({ name }) => name.includes(wanted))) }
  }
}
