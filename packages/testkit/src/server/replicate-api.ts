import type { Served, ServedFile } from './served-file.ts'

export interface ReplicateTestModel {
  /** Version id → its `components.schemas`; the last one is the newest. */
  readonly versions: Readonly<Record<string, object>>
  readonly description?: string
  readonly licenceUrl?: string
}

/** Files for `createFaultyServer` that speak Replicate's HTTP API, as far as it describes models. By `owner/name`. */
export function replicateApi(models: Readonly<Record<string, ReplicateTestModel>>, token: string): Record<string, Served> {
  const files: Record<string, Served> = {}
  const put = (path: string, value: object): void => void (files[`/v1/${path}`] = guarded(value, token))
  for (const [name, model] of Object.entries(models)) {
    put(`models/${name}`, describe(name, model))
    for (const [id, schemas] of Object.entries(model.versions)) put(`models/${name}/versions/${id}`, versionOf(id, schemas))
  }
  files['/v1/search'] = (request) => {
    const query = new URLSearchParams(request.query).get('query') ?? ''
    const found = Object.entries(models).filter(([name]) => name.includes(query))
    const entries = found.map(([name, model]) => ({
      model: describe(name, model),
      metadata: { generated_description: 'made up', tags: [], score: 1 },
    }))
    const served = guarded({ query, models: entries, collections: [], pages: [] }, token)
    return typeof served === 'function' ? served(request) : served
  }
  return files
}

function describe(name: string, { versions, description = 'A model', licenceUrl }: ReplicateTestModel): object {
  const [owner, last] = name.split('/')
  const newest = Object.entries(versions).at(-1)
  return {
    url: `https://replicate.com/${name}`,
    owner,
    name: last,
    description,
    visibility: 'public',
    github_url: null,
    paper_url: null,
    license_url: licenceUrl ?? null,
    run_count: 5,
    cover_image_url: null,
    default_example: null,
    latest_version: newest ? versionOf(...newest) : null,
  }
}

function versionOf(id: string, schemas: object): object {
  const openapi_schema = { info: { title: 'Cog', version: '0.1.0' }, openapi: '3.0.2', paths: {}, components: { schemas } }
  return { id, created_at: '2024-01-02T03:04:05.678Z', cog_version: '0.9.0', openapi_schema }
}

function guarded(value: object, token: string): Served {
  return ({ headers }): ServedFile => {
    const allowed = headers['authorization'] === `Bearer ${token}`
    const problem = { title: 'Unauthenticated', detail: 'You did not pass an authentication token', status: 401 }
    return { contentType: 'application/json', ...(!allowed && { status: 401 }), body: JSON.stringify(allowed ? value : problem) }
  }
}
