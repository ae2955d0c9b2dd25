import { throwIfAborted } from '@soma/core'
import type { CreateSource, Source } from '@soma/spec'
import { Authorizer } from './authorize.ts'
import { downloadOci } from './download.ts'
import { createPublisher } from './publish.ts'
import { resolveOci } from './resolve.ts'

/** Model artifacts in container registries: CNCF ModelPack, Docker models, KitOps modelkits and ORAS files; takes packages too. */
export const createOciSource: CreateSource = (deps): Source => {
  const authorizer = new Authorizer(deps)
  const publish = createPublisher(deps, authorizer)
  return {
    sourceVersion: 1,
    scheme: 'oci',
    title: 'Container registry (OCI)',
    example: 'oci/registry.example.org/models/tiny:1.0',
    resolve: async (name, { signal }) => {
      throwIfAborted(signal)
      return resolveOci(name, deps, { authorizer, signal })
    },
    download: async (artifact, options) => {
      throwIfAborted(options.signal)
      return downloadOci(artifact, { deps, authorizer }, options)
    },
    publish,
  }
}
