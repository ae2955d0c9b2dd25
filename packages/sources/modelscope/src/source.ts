import type { CreateSource, Source } from '@soma/spec'
import { downloadModelScope } from './download.ts'
import { loadModelScopeOptions } from './options.ts'
import { resolveModelScope } from './resolve.ts'
import { searchModelScope } from './search.ts'

/** Models of ModelScope. */
export const createModelScopeSource: CreateSource = (deps): Source => {
  const query = (signal: AbortSignal) => ({ deps, signal, options: loadModelScopeOptions(deps.env) })
  return {
    sourceVersion: 1,
    scheme: 'modelscope',
    title: 'ModelScope',
    example: 'modelscope/Qwen/Qwen2.5-0.5B-Instruct-GGUF:Q4_K_M',
    resolve: async (name, { signal }) => resolveModelScope(name, query(signal)),
    download: async (artifact, options) => downloadModelScope(artifact, deps, options),
    search: async (words, { limit, signal }) => searchModelScope(words, limit, query(signal)),
  }
}
