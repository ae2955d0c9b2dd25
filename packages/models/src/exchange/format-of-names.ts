import type { EngineDescriptor } from '@soma/spec'
import { compileGlob } from '../package/glob.ts'

/** What a name says of the format, in the order in which installing takes one of several (`choose.ts` of formats). */
const names: ReadonlyArray<readonly [RegExp, string]> = [
  [/\.gguf$/i, 'gguf'],
  [/\.safetensors$/i, 'safetensors'],
  [/\.onnx$/i, 'onnx'],
  [/(^|\/)saved_model\.pb$/i, 'saved-model'],
  [/\.(keras|h5)$/i, 'keras'],
  [/\.tflite$/i, 'tflite'],
  [/\.(pt|pth|ckpt)$|(^|\/)pytorch_model[^/]*\.bin$/i, 'pytorch'],
]

/** The format of a model by the names of its files: as an engine's layout has it, else by their endings. Null when they do not say. */
export function formatOfNames(paths: readonly string[], engines: readonly EngineDescriptor[]): string | null {
  const layout = engines
    .flatMap(({ layouts }) => layouts)
    .find(({ files }) => Object.values(files).every((glob) => paths.filter(compileGlob(glob)).length === 1))
  return layout?.format ?? names.find(([pattern]) => paths.some((path) => pattern.test(path)))?.[1] ?? null
}
