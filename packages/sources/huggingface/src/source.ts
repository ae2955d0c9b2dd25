import type { CreateSource, Source } from '@soma/spec'
import { downloadHub } from './download.ts'
import { loadHubOptions } from './options.ts'
import { resolveHub } from './resolve.ts'
import { searchHub } from './search.ts'

/** Models of the Hugging Face Hub or a mirror of it, with the settings, the token and the cache of Hugging Face's own tools. */
export const createHuggingFaceSource: CreateSource = (deps): Source => {
  const query = async (signal: AbortSignal) => ({ deps, signal, options: await loadHubOptions(deps.env) })
  return {
    sourceVersion: 1,
    scheme: 'hf',
    title: 'Hugging Face Hub',
    example: 'hf/Qwen/Qwen3-0.6B-GGUF:Q8_0',
    resolve: async (name, { signal }) => resolveHub(name, await query(signal)),
    download: (artifact, options) => downloadHub(artifact, deps, options),
    search: async (text, { limit, signal }) => searchHub(text, limit, await query(signal)),
  }
}
