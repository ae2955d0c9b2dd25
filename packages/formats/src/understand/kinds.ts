import { posix } from 'node:path'
import { isPicklePath } from '../torch/pickle-file.ts'

/** How a file is read, by its name; what only looks so is found out when it is read. */
export type FileKind =
  | 'gguf'
  | 'safetensors'
  | 'onnx'
  | 'pickle'
  /** Whatever its name, it begins as a pickle or an archive of such does. */
  | 'bytes'
  | 'saved-model'
  | 'tflite'
  | 'tfjs'
  | 'keras'
  | 'hdf5'
  | 'openvino'
  | 'coreml'
  | 'tensorrt'
  | 'paddle'

const byExtension: Readonly<Record<string, FileKind>> = {
  '.gguf': 'gguf',
  '.safetensors': 'safetensors',
  '.onnx': 'onnx',
  '.tflite': 'tflite',
  '.lite': 'tflite',
  '.keras': 'keras',
  '.h5': 'hdf5',
  '.hdf5': 'hdf5',
  '.mlmodel': 'coreml',
  '.engine': 'tensorrt',
  '.plan': 'tensorrt',
  '.trt': 'tensorrt',
  '.pdmodel': 'paddle',
}

/** Undefined for what is no model. @param has whether the package holds a file. */
export function kindOf(path: string, has: (path: string) => boolean): FileKind | undefined {
  const name = posix.basename(path).toLowerCase()
  const extension = posix.extname(name)
  if (name === 'saved_model.pb') return 'saved-model'
  if (name === 'model.json') return 'tfjs'
  if (extension === '.xml') return has(`${path.slice(0, -'.xml'.length)}.bin`) ? 'openvino' : undefined
  if (name === 'manifest.json' && /\.mlpackage(\/|$)/i.test(posix.dirname(path))) return 'coreml'
  return byExtension[extension] ?? (isPicklePath(path) ? 'pickle' : undefined)
}
