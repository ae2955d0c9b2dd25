/** A file of a repository on a hub. */
export interface RepositoryFile {
  readonly path: string
  readonly sizeBytes: number
}

/** Best first: formats that load without running code, then those that engines take as they are, then the rest. */
const preferredFormats = [
  'safetensors',
  'gguf',
  'onnx',
  'pytorch',
  'saved-model',
  'keras',
  'tflite',
  'tfjs',
  'openvino',
  'coreml',
  'flax',
  'rust',
] as const
export type WeightsFormat = (typeof preferredFormats)[number]

export const formatRank = (format: WeightsFormat): number => preferredFormats.indexOf(format)

/** Where one pattern is a case of another, the narrower comes first: OpenVINO and TensorFlow.js have `.bin` files too. */
const weightsPatterns: ReadonlyArray<readonly [WeightsFormat, RegExp]> = [
  ['openvino', /(^|\/)openvino[^/]*\.(xml|bin)$|(^|\/)openvino\//],
  ['coreml', /\.mlmodel$|\.ml(package|modelc)\/|(^|\/)coreml\//],
  ['tfjs', /(^|\/)group\d+-shard\d+of\d+(\.bin)?$|(^|\/)tfjs\//],
  ['flax', /\.msgpack$|\.msgpack\.index\.json$/],
  ['rust', /\.ot$/],
  ['safetensors', /\.safetensors(\.index(\.[a-z0-9_]+)?\.json)?$/],
  ['gguf', /\.gguf$/],
  ['onnx', /\.onnx(([._]data)(_\d+)?)?$/],
  ['saved-model', /(^|\/)(saved_model\.pb|keras_metadata\.pb|fingerprint\.pb|variables\/variables\.[^/]+)$/],
  ['keras', /\.(keras|h5)(\.index\.json)?$/],
  ['tflite', /\.tflite$/],
  ['pytorch', /\.(bin|pt|pth|ckpt)(\.index(\.[a-z0-9_]+)?\.json)?$/],
]

/** Folders that hold one format's whole copy of the model, its configuration included. */
const formatFolders: Readonly<Record<string, WeightsFormat>> = { onnx: 'onnx', gguf: 'gguf', tflite: 'tflite' }

/** What training, git and the presentation of a repository leave behind: no engine reads it. */
const unneeded = [
  /(^|\/)\.(git|cache|github|ipynb_checkpoints)[^/]*(\/|$)/,
  /(^|\/)((optimizer|scheduler|scaler)\.(pt|pth|bin)|rng_state[^/]*\.pth|training_args\.[a-z]+|trainer_state\.json|events\.out\.[^/]*)$/,
  /^(runs|logs|checkpoint-\d+|original|metal|eval_results|\.eval_results)\//,
  /(^|\/)imatrix[^/]*\.(dat|gguf)$|\.imatrix$/i,
  /\.(png|jpe?g|gif|webp|svg|bmp|mp4|webm|mov|mp3|wav|flac|ogg|pdf|ipynb|parquet|arrow|zip|tar|gz|tgz|7z|rar|log|lock)$/i,
]

export function isUnneeded(path: string): boolean {
  return unneeded.some((pattern) => pattern.test(path))
}

/** The format whose copy of the model a file belongs to, weights or not; undefined for what all formats share. */
export function formatOf(path: string): WeightsFormat | undefined {
  return weightsFormat(path) ?? formatFolders[path.split('/').at(-2) ?? '']
}

export function weightsFormat(path: string): WeightsFormat | undefined {
  return weightsPatterns.find(([, pattern]) => pattern.test(path))?.[0]
}

/** The whole model again in another shape, beside the one that libraries load: `consolidated.safetensors`, `consolidated.00.pth`. */
export function isDuplicate(path: string): boolean {
  return /(^|\/)consolidated[^/]*$/.test(path)
}

/** One file's place among the variants of a model. */
export interface VariantName {
  /** Files with the same slot are the same weights in different variants. */
  readonly slot: string
  /** `Q4_K_M`, `fp16`; empty for the plain one. */
  readonly variant: string
}

const quantisation =
  /(?<![a-z0-9])(UD-)?(IQ\d_[A-Z]+|TQ\d_0|Q\d_K(_(XXS|XS|S|M|L|XL))?|Q\d_\d(_\d_\d)?|MXFP4(_MOE)?|NVFP4|BF16|FP?16|FP?32)(?![a-z0-9])/gi
const ggufPart = /-\d{5}-of-\d{5}(?=\.gguf$)/

/** Reads `model-Q4_K_M-00001-of-00002.gguf` as the slot `model` and the variant `Q4_K_M`. */
export function ggufVariant(path: string): VariantName {
  const name = (path.split('/').at(-1) ?? path).replace(ggufPart, '').replace(/\.gguf$/, '')
  const found = [...name.matchAll(quantisation)].at(-1)
  if (found === undefined) return { slot: name, variant: '' }
  const slot = name.slice(0, found.index) + name.slice(found.index + found[0].length)
  return { slot: slot.replaceAll(/^[-._]+|[-._]+$/g, ''), variant: found[0].toUpperCase().replace(/^FP/, 'F') }
}

/** The vision or audio part that goes with every variant of a GGUF model. */
export function isProjector(path: string): boolean {
  return /(^|\/)mmproj[^/]*\.gguf$/i.test(path)
}

const onnxVariant = /_(fp16|int8|uint8|bnb4|quantized|q4|q8|q4f16|O[1-4]|qu?int8_[a-z0-9_]+|quint8_[a-z0-9_]+|int4[a-z0-9_]*)(?=\.onnx)/
const dottedVariant = /\.(fp16|bf16|fp32|fp8|int8|int4|ema|non_ema)(?=[.-])/

/** Reads `onnx/model_fp16.onnx` as `onnx/model.onnx` and `fp16`. Shards, their index and external data are in the slot of the whole. */
export function suffixVariant(path: string): VariantName {
  const folder = path.slice(0, path.lastIndexOf('/') + 1)
  const name = path.slice(folder.length)
  const found = (name.includes('.onnx') ? onnxVariant : dottedVariant).exec(name)
  const plain = found === null ? name : name.replace(found[0], '')
  const slot = plain.replace(/-\d{5}-of-\d{5}/, '').replace(/(?<=\.onnx)[._]data(_\d+)?$|\.index\.json$/, '')
  return { slot: folder + slot, variant: found?.[1] ?? '' }
}
