import { tarGzOf } from './archives.ts'
import type { Served, ServedFile } from './served-file.ts'

export interface KaggleVariation {
  /** Files of each version, the first one being version 1. */
  readonly versions: ReadonlyArray<Readonly<Record<string, Uint8Array>>>
  readonly licence?: string
  readonly overview?: string
  /** What Kaggle says to who has not accepted the terms. */
  readonly consent?: string
}

export interface KaggleOptions {
  readonly authorization?: string
  /** Files of one answer at most, however many are asked for. */
  readonly pageSize?: number
  /** Sends downloads to another path of the same server, as Kaggle does to its object store. */
  readonly redirects?: boolean
}

/** Files for `createFaultyServer` that speak Kaggle's REST API for models. By `owner/model/framework/variation`. */
export function kaggleModels(variations: Readonly<Record<string, KaggleVariation>>, options: KaggleOptions = {}): Record<string, Served> {
  const files: Record<string, Served> = {}
  const put = (path: string, served: Served): void => void (files[`/api/v1/models/${path}`] = guarded(served, options))
  for (const [name, variation] of Object.entries(variations)) {
    put(`${name}/get`, json(instanceOf(name, variation)))
    variation.versions.forEach((contents, at) => putVersion(`${name}/${at + 1}`, { contents, variation, options, put, files }))
  }
  for (const model of new Set(Object.keys(variations).map(modelOf))) put(`${model}/get`, json(describeModel(model, variations)))
  put('list', ({ query }) => json({ models: search(variations, new URLSearchParams(query).get('search') ?? ''), nextPageToken: '' }))
  return files
}

interface Version {
  readonly contents: Readonly<Record<string, Uint8Array>>
  readonly variation: KaggleVariation
  readonly options: KaggleOptions
  readonly put: (path: string, served: Served) => void
  readonly files: Record<string, Served>
}

function putVersion(path: string, { contents, variation, options, put, files }: Version): void {
  put(`${path}/files`, ({ query }) => json(pageOf(contents, new URLSearchParams(query), options.pageSize)))
  const download = (at: string, body: Uint8Array): void => {
    if (variation.consent !== undefined) return put(at, problem(403, variation.consent))
    if (!options.redirects) return put(at, { body })
    files[`/storage/${at}`] = { body }
    put(at, ({ origin }) => ({ status: 302, body: '', headers: { location: `${origin}/storage/${at}?X-Goog-Signature=of-the-store` } }))
  }
  download(`${path}/download`, tarGzOf(contents))
  for (const [name, body] of Object.entries(contents)) download(`${path}/download/${name}`, body)
}

function pageOf(contents: Version['contents'], query: URLSearchParams, pageSize = 1000): object {
  const begin = Number(query.get('page_token') ?? 0)
  const end = begin + Math.min(pageSize, Number(query.get('page_size') ?? pageSize))
  const all = Object.entries(contents).map(([name, { byteLength }]) => ({ name, size: byteLength, creationDate: '2024-01-02T03:04:05Z' }))
  return { files: all.slice(begin, end), nextPageToken: end < all.length ? String(end) : '' }
}

function instanceOf(name: string, { versions, licence = 'Apache 2.0', overview = 'A variation' }: KaggleVariation): object {
  const [, , framework, slug] = name.split('/')
  const newest = Object.values(versions.at(-1) ?? {})
  const totalUncompressedBytes = newest.reduce((sum, { byteLength }) => sum + byteLength, 0)
  return { id: 1, slug, framework, overview, versionId: 7, versionNumber: versions.length, licenseName: licence, totalUncompressedBytes }
}

function describeModel(model: string, variations: Readonly<Record<string, KaggleVariation>>): object {
  const instances = Object.entries(variations).filter(([name]) => modelOf(name) === model)
  return {
    id: 1,
    ref: model,
    title: model,
    subtitle: 'A model',
    author: model.split('/')[0],
    slug: model.split('/')[1],
    publishTime: '2024-01-02T03:04:05Z',
    instances: instances.map(([name, variation]) => instanceOf(name, variation)),
  }
}

function search(variations: Readonly<Record<string, KaggleVariation>>, query: string): object[] {
  const models = [...new Set(Object.keys(variations).map(modelOf))].filter((model) => model.includes(query))
  return models.map((model) => describeModel(model, variations))
}

function modelOf(name: string): string {
  return name.split('/').slice(0, 2).join('/')
}

function guarded(served: Served, { authorization }: KaggleOptions): Served {
  if (authorization === undefined) return served
  return (request) => {
    if (request.headers['authorization'] === authorization) return typeof served === 'function' ? served(request) : served
    return problem(401, 'Unauthenticated')
  }
}

function problem(code: number, message: string): ServedFile {
  return { ...json({ code, message }), status: code }
}

function json(value: object): ServedFile {
  return { contentType: 'application/json', body: JSON.stringify(value) }
}
