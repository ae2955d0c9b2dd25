import { type SearchHit, licenceOf } from '@soma/spec'
import { type FoundModel, type HubQuery, searchModels } from './hub.ts'

/** The hub's libraries that are formats, and what manifests call them. */
const formats: Readonly<Record<string, string>> = {
  gguf: 'gguf',
  safetensors: 'safetensors',
  onnx: 'onnx',
  pytorch: 'pytorch',
  tensorflow: 'saved-model',
}

/** The most downloaded models with the words in their name. */
export async function searchModelScope(words: string, limit: number, query: HubQuery): Promise<SearchHit[]> {
  return (await searchModels(query, words, limit)).slice(0, limit).map(toHit)
}

function toHit({ id, display_name, description, downloads, likes, license, tasks, tags = [], file_size }: FoundModel): SearchHit {
  const licence = licenceOf(license ?? tagged(tags, 'license')[0])
  const task = (tasks ?? tagged(tags, 'task'))[0]
  return {
    reference: `modelscope/${id}`,
    title: display_name || id,
    formats: tagged(tags, 'library').flatMap((library) => formats[library.toLowerCase()] ?? []),
    ...(description !== undefined && description !== '' && { description }),
    ...(file_size !== undefined && { sizeBytes: file_size }),
    ...(licence !== undefined && { licence }),
    ...(task !== undefined && { task }),
    ...(downloads !== undefined && { downloads }),
    ...(likes !== undefined && { likes }),
  }
}

/** `library:gguf` → `gguf`. */
function tagged(tags: readonly string[], kind: string): string[] {
  return tags.filter((tag) => tag.startsWith(`${kind}:`)).map((tag) => tag.slice(kind.length + 1))
}
