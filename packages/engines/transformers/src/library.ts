import { SomaError } from '@soma/core'

/**
 * What the engine uses of @huggingface/transformers. The library's own types are made from comments and differ by model;
 * these say what every model of a task has.
 */
export interface Library {
  readonly Tensor: new (type: 'int64' | 'float32', data: BigInt64Array | Float32Array, dims: readonly number[]) => LibraryTensor
  readonly RawImage: new (data: Uint8Array, width: number, height: number, channels: 3) => LibraryImage
  readonly PreTrainedTokenizer: TokenizerClass
  readonly LogitsProcessor: new () => object
  readonly LogitsProcessorList: new () => { push(processor: object): void }
  readonly AutoModel: ModelClass
  readonly AutoModelForSequenceClassification: ModelClass
  readonly AutoModelForTokenClassification: ModelClass
  readonly AutoModelForQuestionAnswering: ModelClass
  readonly AutoModelForMaskedLM: ModelClass
  readonly AutoModelForSeq2SeqLM: ModelClass
  readonly AutoModelForCausalLM: ModelClass
  readonly AutoModelForSpeechSeq2Seq: ModelClass
  readonly AutoModelForCTC: ModelClass
  readonly AutoModelForVision2Seq: ModelClass
  readonly AutoModelForImageClassification: ModelClass
  readonly AutoModelForObjectDetection: ModelClass
}

export type ModelClassName = Extract<keyof Library, `AutoModel${string}`>
export type TokenizerClass = new (json: object, config: object) => Tokenizer

export interface ModelClass {
  supports(modelType: string): boolean
  from_pretrained(directory: string, options: object): Promise<Model>
}

export interface LibraryTensor {
  readonly data: ArrayLike<number>
  readonly dims: readonly number[]
  readonly type: string
  to(type: 'float32'): LibraryTensor
}

export interface LibraryImage {
  readonly width: number
  readonly height: number
}

export type Feeds = Readonly<Record<string, LibraryTensor | undefined>>

export interface Model {
  (inputs: object): Promise<Feeds>
  /** One step of the model: all that runs it goes through here. */
  forward: (this: Model, inputs: object) => Promise<Feeds>
  generate(options: object): Promise<unknown>
  dispose(): Promise<unknown>
  readonly sessions: Readonly<
    Record<string, { readonly inputMetadata: ReadonlyArray<{ readonly shape?: ReadonlyArray<number | string> }> }>
  >
  readonly config: Readonly<Record<string, unknown>>
  readonly generation_config?: Readonly<Record<string, unknown>> | null
}

export interface Encoding {
  readonly input_ids: number[]
  readonly token_type_ids?: number[]
}

export interface Tokenizer {
  (text: string, options: object): Encoding
  decode(tokens: readonly number[], options: object): string
  apply_chat_template(messages: readonly object[], options: object): string
  readonly model_max_length: number
  readonly all_special_ids: readonly number[]
  readonly mask_token: string | null
  readonly mask_token_id: number | undefined
  readonly pad_token_id: number | undefined
  chat_template: unknown
  /** Of tokenizers for translation between many languages. */
  readonly language_codes?: readonly string[]
  _build_translation_inputs?(texts: string, options: object, languages: object): Encoding & { forced_bos_token_id?: number }
}

/** Makes of pictures or sound what a model takes. */
export interface Processor {
  (input: unknown): Promise<Feeds>
  readonly config: Readonly<Record<string, unknown>>
  /** Of detection models. */
  post_process_object_detection?(output: Feeds, threshold: number, sizes: ReadonlyArray<readonly number[]>): readonly FoundObjects[]
}
export type ProcessorClass = new (config: object) => Processor

/** Each with as many elements as the others. */
export interface FoundObjects {
  readonly boxes: readonly number[][]
  readonly classes: readonly number[]
  readonly scores: readonly number[]
}

/** Loads the library, onnxruntime's native part included, with every way to the network and to its caches closed. */
export async function importLibrary(): Promise<Library> {
  const library = await import('@huggingface/transformers')
  const { env } = library
  env.allowRemoteModels = false
  env.allowLocalModels = true
  env.useFSCache = false
  env.useBrowserCache = false
  env.useWasmCache = false
  env.useCustomCache = false
  env.cacheDir = null
  env.fetch = refuseFetch
  // It would write inputs to the log, and hints to stdout, which carries the protocol.
  env.logLevel = library.LogLevel.NONE
  return library as unknown as Library
}

/** A class that the library exports under this name, if it is made from one with these methods. */
export function classNamed(library: Library, name: string, method: string): unknown {
  const found: unknown = (library as unknown as Record<string, unknown>)[name]
  return typeof found === 'function' && method in (found.prototype as object) ? found : undefined
}

/** In the place of `fetch` in this process: models are files of this machine, whatever their configuration names. */
export function refuseFetch(input: unknown): Promise<never> {
  return Promise.reject(
    new SomaError('model/load-failed', `the package asks for ${String(input)}; models are loaded from their own files only`),
  )
}
