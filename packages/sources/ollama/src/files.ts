import type { OllamaBlob } from './manifest.ts'

/** A layer as a file of the package. */
export interface LayerFile {
  readonly path: string
  readonly blob: OllamaBlob
}

/** What layers are called here, by the last part of `application/vnd.ollama.image.<kind>`. */
const fileNames: Readonly<Record<string, string>> = {
  model: 'model.gguf',
  projector: 'projector.gguf',
  adapter: 'adapter.gguf',
  template: 'template.txt',
  prompt: 'template.txt',
  system: 'system.txt',
  params: 'params.json',
  messages: 'messages.json',
  license: 'LICENSE',
}

const PREFIX = 'application/vnd.ollama.image.'

/** The layers that are files of a model, several of one kind numbered. What Ollama itself no longer reads is left out. */
export function layerFiles(layers: readonly OllamaBlob[]): LayerFile[] {
  const counts = new Map<string, number>()
  return layers.flatMap((blob) => {
    const name = fileNames[layerKind(blob)]
    if (name === undefined) return []
    const count = (counts.get(name) ?? 0) + 1
    counts.set(name, count)
    return [{ path: count === 1 ? name : numbered(name, count), blob }]
  })
}

export function layerKind({ mediaType }: OllamaBlob): string {
  return mediaType.startsWith(PREFIX) ? mediaType.slice(PREFIX.length) : ''
}

/** `adapter.gguf` → `adapter-2.gguf`, `LICENSE` → `LICENSE-2`. */
function numbered(name: string, count: number): string {
  const dot = name.lastIndexOf('.')
  return dot < 0 ? `${name}-${count}` : `${name.slice(0, dot)}-${count}${name.slice(dot)}`
}
