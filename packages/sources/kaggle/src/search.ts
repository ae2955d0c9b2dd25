import { type SearchHit, type SourceDeps, licenceOf } from '@soma/spec'
import { KaggleApi, type Model, type ModelInstance } from './api.ts'
import { SEARCH_PAGE_MAX } from './limits.ts'

/** Each variation is a hit of its own, because it is what can be installed. */
export async function searchKaggle(
  query: string,
  deps: SourceDeps,
  use: { readonly limit: number; readonly signal: AbortSignal },
): Promise<SearchHit[]> {
  const api = await KaggleApi.open(deps)
  const models = await api.search(query, Math.min(use.limit, SEARCH_PAGE_MAX), use.signal)
  return models.flatMap(hitsOf).slice(0, use.limit)
}

/** Kaggle's frameworks that are formats, and what manifests call them. */
const formats: Readonly<Record<string, string>> = {
  tensorflow1: 'saved-model',
  tensorflow2: 'saved-model',
  tflite: 'tflite',
  litert: 'tflite',
  tfjs: 'tfjs',
  keras: 'keras',
  gguf: 'gguf',
  onnx: 'onnx',
}

function hitsOf(model: Model): SearchHit[] {
  const ref = model.ref ?? (model.author && model.slug ? `${model.author}/${model.slug}` : undefined)
  return ref === undefined ? [] : model.instances.flatMap((instance) => (instance ? [hitOf(ref, model, instance)] : []))
}

function hitOf(ref: string, model: Model, instance: ModelInstance): SearchHit {
  const licence = licenceOf(instance.licenseName)
  const format = formats[instance.framework.toLowerCase()]
  const updatedAt = Date.parse(model.publishTime ?? '')
  return {
    reference: `kaggle/${ref}/${instance.framework}/${instance.slug}@${instance.versionNumber}`,
    title: `${model.title ?? ref} (${instance.framework} ${instance.slug})`,
    ...(model.subtitle && { description: model.subtitle }),
    ...(instance.totalUncompressedBytes !== undefined && { sizeBytes: instance.totalUncompressedBytes }),
    ...(licence !== undefined && { licence }),
    ...(format !== undefined && { formats: [format] }),
    ...(model.downloadCount !== undefined && { downloads: model.downloadCount }),
    ...(model.voteCount !== undefined && { likes: model.voteCount }),
    ...(!Number.isNaN(updatedAt) && { updatedAt }),
  }
}
