import { throwIfAborted } from '@soma/core'
import type { CreateSource, Source, SourceDeps } from '@soma/spec'
import { downloadKaggle } from './download.ts'
import { resolveKaggle } from './resolve.ts'
import { searchKaggle } from './search.ts'
import { resolveTfhub } from './tfhub.ts'

/** Models of Kaggle, with the user's own Kaggle credentials where there are some. */
export const createKaggleSource: CreateSource = (deps): Source => ({
  sourceVersion: 1,
  scheme: 'kaggle',
  title: 'Kaggle Models',
  example: 'kaggle/google/bert/tensorFlow2/answer-equivalence-bem@1',
  resolve: async (name, { signal }) => {
    throwIfAborted(signal)
    return resolveKaggle(name, deps, signal)
  },
  download: downloadWith(deps),
  search: async (query, options) => {
    throwIfAborted(options.signal)
    return searchKaggle(query, deps, options)
  },
})

/** Models by their old TensorFlow Hub names; they lie at Kaggle now. */
export const createTfhubSource: CreateSource = (deps): Source => ({
  sourceVersion: 1,
  scheme: 'tfhub',
  title: 'TensorFlow Hub',
  example: 'tfhub/google/universal-sentence-encoder/4',
  resolve: async (name, { signal }) => {
    throwIfAborted(signal)
    return resolveTfhub(name, deps, signal)
  },
  download: downloadWith(deps),
})

function downloadWith(deps: SourceDeps): Source['download'] {
  return async (artifact, options) => {
    throwIfAborted(options.signal)
    return downloadKaggle(artifact, deps, options)
  }
}
