import type { OnnxHeader } from '@soma/formats'
import { loadFailed, unsupported } from './errors.ts'
import { type ModelFiles, checkMetadata } from './model-files.ts'

/** How a recogniser is opened, and what it can be asked. */
export interface RecognizerKind {
  /** The library's own name for it, with the files it needs. */
  readonly modelConfig: Readonly<Record<string, unknown>>
  /** Hears sound as it comes, and keeps a state; the others hear a piece as a whole. */
  readonly streaming: boolean
  readonly transducer: boolean
  /** Codes of the languages that a caller may choose from; null when there is nothing to choose. */
  readonly languages: readonly string[] | null
  /** The one language it knows, where its files say so. */
  readonly language: string | null
  /** Into English. */
  readonly translates: boolean
  /** The same with another language or task, for models that take these. */
  readonly withTask?: (task: { readonly language: string; readonly translate: boolean }) => Readonly<Record<string, unknown>>
}

const plain = { streaming: false, transducer: false, languages: null, language: null, translates: false } as const

/**
 * Finds out what a recogniser is by its roles and by what its files say of themselves.
 * @throws {SomaError} `model/load-failed` for damaged files, `model/unsupported` for kinds that are not known.
 */
export async function recognizerKind(files: ModelFiles): Promise<RecognizerKind> {
  const tokens = await files.tokens()
  if (files.has('merged-decoder')) return moonshineTwo(files, tokens)
  if (files.has('preprocessor')) return moonshine(files, tokens)
  if (files.has('joiner')) return transducer(files, tokens)
  return files.has('encoder') ? whisper(files, tokens) : single(files, tokens)
}

async function moonshineTwo(files: ModelFiles, tokens: string): Promise<RecognizerKind> {
  const moonshine = { encoder: await files.ort('encoder'), mergedDecoder: await files.ort('merged-decoder') }
  return { ...plain, modelConfig: { moonshine, tokens } }
}

async function moonshine(files: ModelFiles, tokens: string): Promise<RecognizerKind> {
  for (const role of ['preprocessor', 'encoder', 'uncached-decoder', 'cached-decoder']) await files.onnx(role)
  const moonshine = {
    preprocessor: files.pathOf('preprocessor'),
    encoder: files.pathOf('encoder'),
    uncachedDecoder: files.pathOf('uncached-decoder'),
    cachedDecoder: files.pathOf('cached-decoder'),
  }
  return { ...plain, modelConfig: { moonshine, tokens } }
}

async function transducer(files: ModelFiles, tokens: string): Promise<RecognizerKind> {
  const [encoder, decoder] = [await files.onnx('encoder'), await files.onnx('decoder'), await files.onnx('joiner')]
  const nemo = (encoder.metadata.get('model_type') ?? '').startsWith('EncDec')
  if (nemo) checkMetadata(files.file('encoder'), encoder, ['vocab_size', 'subsampling_factor'])
  else checkMetadata(files.file('decoder'), decoder, ['vocab_size', 'context_size'])
  const streaming = isStreaming(encoder)
  const transducer = { encoder: files.pathOf('encoder'), decoder: files.pathOf('decoder'), joiner: files.pathOf('joiner') }
  const modelType = streaming ? {} : { modelType: nemo ? 'nemo_transducer' : 'transducer' }
  // Of NeMo's transducers the library knows the greedy way only.
  return { ...plain, streaming, transducer: !nemo, modelConfig: { transducer, tokens, ...modelType } }
}

const whisperNumbers = [
  ['n_mels', 'n_text_layer', 'n_text_ctx', 'n_text_state', 'n_vocab'],
  ['sot', 'eot', 'blank_id', 'translate', 'transcribe', 'is_multilingual', 'no_timestamps', 'no_speech'],
].flat()

async function whisper(files: ModelFiles, tokens: string): Promise<RecognizerKind> {
  const [encoder] = [await files.onnx('encoder'), await files.onnx('decoder')]
  const type = encoder.metadata.get('model_type') ?? ''
  if (!type.startsWith('whisper')) throw unknownKind(files, 'encoder', type)
  checkMetadata(files.file('encoder'), encoder, whisperNumbers, ['sot_sequence'])
  const multilingual = encoder.metadata.get('is_multilingual') !== '0'
  if (multilingual) checkMetadata(files.file('encoder'), encoder, [], ['all_language_tokens', 'all_language_codes'])
  const configOf = (language: string, task: string): RecognizerKind['modelConfig'] => ({
    whisper: { encoder: files.pathOf('encoder'), decoder: files.pathOf('decoder'), language, task, tailPaddings: -1 },
    tokens,
  })
  if (!multilingual) return { ...plain, language: 'en', modelConfig: configOf('en', 'transcribe') }
  return {
    ...plain,
    languages: (encoder.metadata.get('all_language_codes') ?? '').split(','),
    translates: true,
    modelConfig: configOf('', 'transcribe'),
    withTask: ({ language, translate }) => configOf(language, translate ? 'translate' : 'transcribe'),
  }
}

/** Codes of SenseVoice's languages are the same in all its models. */
const senseVoiceLanguages = ['zh', 'en', 'ja', 'ko', 'yue']
const frames = ['lfr_window_size', 'lfr_window_shift']

/** Recognisers of one file, by the type that it says it has. */
async function single(files: ModelFiles, tokens: string): Promise<RecognizerKind> {
  const header = await files.onnx('model')
  const file = files.file('model')
  const model = files.pathOf('model')
  const type = header.metadata.get('model_type') ?? ''
  if (type === 'sense_voice_ctc') {
    checkMetadata(file, header, ['vocab_size', ...frames, 'normalize_samples', 'with_itn', 'without_itn'], ['neg_mean', 'inv_stddev'])
    checkMetadata(
      file,
      header,
      ['auto', ...senseVoiceLanguages].map((language) => `lang_${language}`),
    )
    const configOf = (language: string): RecognizerKind['modelConfig'] => ({
      senseVoice: { model, language, useInverseTextNormalization: 1 },
      tokens,
    })
    return {
      ...plain,
      languages: senseVoiceLanguages,
      modelConfig: configOf('auto'),
      withTask: ({ language }) => configOf(language || 'auto'),
    }
  }
  if (type === 'paraformer') {
    checkMetadata(file, header, ['vocab_size', ...frames], ['neg_mean', 'inv_stddev'])
    return { ...plain, modelConfig: { paraformer: { model }, tokens } }
  }
  if (type.startsWith('EncDec') && type.includes('CTC')) {
    checkMetadata(file, header, ['vocab_size', 'subsampling_factor'])
    return { ...plain, modelConfig: { nemoCtc: { model }, tokens } }
  }
  if (type === 'wenet_ctc') {
    checkMetadata(file, header, ['vocab_size', 'subsampling_factor'])
    return { ...plain, modelConfig: { wenetCtc: { model }, tokens } }
  }
  if (type === 'zipformer2' && isStreaming(header)) return { ...plain, streaming: true, modelConfig: { zipformer2Ctc: { model }, tokens } }
  if (type === 'zipformer2_ctc') {
    if ((header.outputs[0]?.shape?.[2] ?? -1) < 1)
      throw loadFailed(file.path, 'its first output is no [batch, time, tokens] of a fixed size')
    return { ...plain, modelConfig: { zipformerCtc: { model }, tokens } }
  }
  throw unknownKind(files, 'model', type)
}

/** Streaming models say how much sound they take at once. */
function isStreaming({ metadata }: OnnxHeader): boolean {
  return metadata.has('decode_chunk_len')
}

function unknownKind(files: ModelFiles, role: string, type: string): Error {
  const { path } = files.file(role)
  return unsupported(
    path,
    type === ''
      ? 'it does not say what kind of recogniser it is ("model_type" in its metadata): take the files as sherpa-onnx publishes them'
      : `recognisers of the kind "${type.slice(0, 80)}" are not known here`,
  )
}
