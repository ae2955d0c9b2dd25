import type { SearchHit } from '@soma/spec'
import { type FoundModel, connectHub } from './hub.ts'
import type { HubQuery } from './hub-fetch.ts'
import { licenceOfCard } from './resolve.ts'

/** The hub's tags of formats, and what manifests call them. */
const formatTags: Readonly<Record<string, string>> = {
  safetensors: 'safetensors',
  gguf: 'gguf',
  onnx: 'onnx',
  pytorch: 'pytorch',
  tf: 'saved-model',
  keras: 'keras',
  tflite: 'tflite',
}

/** The most downloaded models with the words in their name. */
export async function searchHub(text: string, limit: number, query: HubQuery): Promise<SearchHit[]> {
  const hub = await connectHub(query, text)
  return (await hub.search(text, limit)).map(toHit)
}

function toHit({ name, gated, task, downloads, likes, updatedAt, tags, cardData, safetensors }: FoundModel): SearchHit {
  const licence = licenceOfCard(cardData, tags)
  const description = cardData?.description
  const sizeBytes = safetensors && weightsBytes(safetensors.parameters)
  return {
    reference: `hf/${name}`,
    title: name,
    formats: tags.flatMap((tag) => formatTags[tag] ?? []),
    gated: gated !== undefined && gated !== false,
    ...(description !== undefined && { description }),
    ...(sizeBytes !== undefined && { sizeBytes }),
    ...(licence !== undefined && { licence }),
    ...(task !== undefined && { task }),
    ...(downloads !== undefined && { downloads }),
    ...(likes !== undefined && { likes }),
    ...(updatedAt !== undefined && { updatedAt: updatedAt.getTime() }),
  }
}

/** `F16` and `BF16` take two bytes, `F8_E4M3` one; undefined as soon as one is unknown. */
function weightsBytes(parameters: Readonly<Record<string, number>>): number | undefined {
  const sizes = Object.entries(parameters).map(([dtype, count]) => (dtype === 'BOOL' ? 8 : Number(/\d+/.exec(dtype)?.[0])) * (count / 8))
  const total = sizes.reduce((sum, bytes) => sum + bytes, 0)
  return Number.isFinite(total) ? Math.round(total) : undefined
}
