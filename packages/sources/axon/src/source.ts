import { throwIfAborted } from '@soma/core'
import type { CreateSource, Source } from '@soma/spec'
import { downloadAxon } from './download.ts'
import { loadAxonOptions } from './options.ts'
import { resolveAxon } from './resolve.ts'
import { hitOf, searchRegistry } from './search.ts'

/** Packages of an Axon registry: manifests by namespace, name and version, and `.axon` archives. */
export const createAxonSource: CreateSource = (deps): Source => ({
  sourceVersion: 1,
  scheme: 'axon',
  title: 'Axon registry',
  example: 'axon/nlp/bert-base-uncased@1.0.0',
  resolve: async (name, { signal }) => {
    throwIfAborted(signal)
    return resolveAxon(name, deps, signal)
  },
  download: async (artifact, options) => {
    throwIfAborted(options.signal)
    return downloadAxon(artifact, deps, options)
  },
  search: async (query, { limit, signal }) => {
    throwIfAborted(signal)
    const found = await searchRegistry(query, { options: await loadAxonOptions(deps.env), fetch: deps.fetch, signal })
    return found.slice(0, limit).map(hitOf)
  },
})
