import { throwIfAborted } from '@soma/core'
import type { CreateSource, SearchHit, Source } from '@soma/spec'
import { type FoundModels, ReplicateApi } from './api.ts'
import { downloadReplicate } from './download.ts'
import { SEARCH_RESULTS_MAX } from './limits.ts'
import { resolveReplicate } from './resolve.ts'

/** Models that run on Replicate's machines: what they take and give is installed, never their weights. */
export const createReplicateSource: CreateSource = (deps): Source => ({
  sourceVersion: 1,
  scheme: 'replicate',
  title: 'Replicate (runs on its machines)',
  example: 'replicate/black-forest-labs/flux-schnell',
  resolve: async (name, { signal }) => {
    throwIfAborted(signal)
    return resolveReplicate(name, deps, signal)
  },
  download: async (artifact, { signal }) => {
    throwIfAborted(signal)
    return downloadReplicate(artifact)
  },
  search: async (query, { limit, signal }) => {
    throwIfAborted(signal)
    const found = await new ReplicateApi(deps).search(query, Math.min(limit, SEARCH_RESULTS_MAX), signal)
    return found.slice(0, limit).map(hitOf)
  },
})

function hitOf({ model, metadata }: FoundModels[number]): SearchHit {
  const { owner, name, description, run_count } = model
  const text = description || metadata?.generated_description
  return {
    reference: `replicate/${owner}/${name}`,
    title: `${owner}/${name}`,
    ...(text && { description: text }),
    formats: ['remote'],
    ...(typeof run_count === 'number' && { downloads: run_count }),
  }
}
