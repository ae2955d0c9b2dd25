import { type Resolution, type SourceDeps, licenceOf, modelNameOf } from '@soma/spec'
import { ReplicateApi } from './api.ts'
import { documentsOf } from './documents.ts'
import { noVersion } from './errors.ts'
import { parseReplicateReference } from './reference.ts'

const WARNING = 'it runs on Replicate’s machines: what is sent to it leaves this one, and Replicate charges for it'

/** Pins the version and describes it; there are no weights to fetch. */
export async function resolveReplicate(text: string, deps: SourceDeps, signal: AbortSignal): Promise<Resolution> {
  const reference = parseReplicateReference(text)
  const { owner, name } = reference
  const api = new ReplicateApi(deps)
  const model = await api.model(reference, signal)
  const newest = model.latest_version ?? undefined
  const wanted = reference.version ?? newest?.id
  if (wanted === undefined) throw noVersion(`${owner}/${name}`)
  const version = newest?.id === wanted ? newest : await api.version(reference, wanted, signal)
  const licence = licenceOf(/choosealicense\.com\/licenses\/([a-z0-9.-]+)/.exec(model.license_url ?? '')?.[1])
  return {
    reference: `replicate/${owner}/${name}@${version.id}`,
    suggestedName: modelNameOf(name),
    version: version.id.slice(0, 12),
    remote: true,
    ...(licence !== undefined && { licence }),
    ...(model.description && { description: model.description }),
    ...(model.url && { homepage: model.url }),
    warnings: [WARNING],
    artifacts: documentsOf(reference, version),
  }
}
