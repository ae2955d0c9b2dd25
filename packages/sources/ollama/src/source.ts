import type { CreateSource, Source } from '@soma/spec'
import { downloadOllama } from './download.ts'
import { resolveOllama } from './resolve.ts'

/** Models of Ollama's registry, or of another that Ollama could pull from. It has no search that programs may ask. */
export const createOllamaSource: CreateSource = (deps): Source => ({
  sourceVersion: 1,
  scheme: 'ollama',
  title: 'Ollama',
  example: 'ollama/llama3.2:1b',
  resolve: (name, { signal }) => resolveOllama(name, deps, signal),
  download: (artifact, options) => downloadOllama(artifact, deps, options),
})
