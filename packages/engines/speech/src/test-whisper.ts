import { encodeValues } from '@soma/spec'
import type { ModelFixture } from '@soma/testkit/engine'
import { type OnnxTensor, writeOnnxModel } from '@soma/testkit/onnx'
import { model } from './test-models.ts'

/** Token → text; what has none steers. */
const texts = ['english', 'deutsch', 'translated', ' ']
const steering = { eot: 4, sot: 5, en: 6, de: 7, translate: 8, transcribe: 9, noSpeech: 10, noTimestamps: 11 }
const VOCABULARY = 12
/** Positions that are kept of a text. */
const CONTEXT = 32

const metadata = {
  model_type: 'whisper-tiny',
  n_mels: '80',
  n_text_layer: '1',
  n_text_ctx: String(CONTEXT),
  n_text_state: '1',
  n_vocab: String(VOCABULARY),
  sot: String(steering.sot),
  eot: String(steering.eot),
  blank_id: '3',
  translate: String(steering.translate),
  transcribe: String(steering.transcribe),
  is_multilingual: '1',
  no_timestamps: String(steering.noTimestamps),
  no_speech: String(steering.noSpeech),
  sot_sequence: [steering.sot, steering.en, steering.transcribe].join(','),
  all_language_tokens: [steering.en, steering.de].join(','),
  all_language_codes: 'en,de',
}

function table(name: string, entries: ReadonlyArray<readonly [from: number, to: number, score: number]>): OnnxTensor {
  const scores = new Float32Array(VOCABULARY * VOCABULARY)
  for (const [from, to, score] of entries) scores[from * VOCABULARY + to] = score
  return { name, dtype: 'float32', shape: [VOCABULARY, VOCABULARY], data: encodeValues('float32', [...scores]) }
}
const axes = (name: string, values: number[]): OnnxTensor => ({
  name,
  dtype: 'int64',
  shape: [values.length],
  data: encodeValues('int64', values),
})

/** A Whisper that hears nothing, but does as it is told: one word that says which language, or that it was to translate. */
export function whisperFixture(): ModelFixture {
  const cross = { dtype: 'float32', shape: [1, 'N', 'T', 1] } as const
  const cache = { dtype: 'float32', shape: [1, 'N', CONTEXT, 1] } as const
  const encoder = writeOnnxModel({
    inputs: [{ name: 'mel', dtype: 'float32', shape: ['N', 80, 'T'] }],
    outputs: [
      { name: 'n_layer_cross_k', ...cross },
      { name: 'n_layer_cross_v', ...cross },
    ],
    nodes: [
      { op: 'ReduceMean', inputs: ['mel'], outputs: ['mean'], attributes: { axes: [1n], keepdims: 0n } },
      { op: 'Unsqueeze', inputs: ['mean', 'ends'], outputs: ['n_layer_cross_k'] },
      { op: 'Identity', inputs: ['n_layer_cross_k'], outputs: ['n_layer_cross_v'] },
    ],
    initializers: [axes('ends', [0, 3])],
    metadata,
  })
  const decoder = writeOnnxModel({
    inputs: [
      { name: 'tokens', dtype: 'int64', shape: ['N', 'L'] },
      { name: 'in_n_layer_self_k_cache', ...cache },
      { name: 'in_n_layer_self_v_cache', ...cache },
      { name: 'n_layer_cross_k', ...cross },
      { name: 'n_layer_cross_v', ...cross },
      { name: 'offset', dtype: 'int64', shape: [1] },
    ],
    outputs: [
      { name: 'logits', dtype: 'float32', shape: ['N', 'L', VOCABULARY] },
      { name: 'out_n_layer_self_k_cache', ...cache },
      { name: 'out_n_layer_self_v_cache', ...cache },
    ],
    nodes: [
      { op: 'Gather', inputs: ['next', 'tokens'], outputs: ['own'], attributes: { axis: 0n } },
      { op: 'Gather', inputs: ['told', 'tokens'], outputs: ['each'], attributes: { axis: 0n } },
      { op: 'ReduceSum', inputs: ['each', 'line'], outputs: ['all'], attributes: { keepdims: 1n } },
      { op: 'Add', inputs: ['own', 'all'], outputs: ['logits'] },
      { op: 'Identity', inputs: ['in_n_layer_self_k_cache'], outputs: ['out_n_layer_self_k_cache'] },
      { op: 'Identity', inputs: ['in_n_layer_self_v_cache'], outputs: ['out_n_layer_self_v_cache'] },
    ],
    initializers: [
      axes('line', [1]),
      // Left to find out the language, it takes German; behind a word it ends.
      table('next', [[steering.sot, steering.de, 9], ...[0, 1, 2].map((word) => [word, steering.eot, 9] as const)]),
      table('told', [
        [steering.en, 0, 10],
        [steering.de, 1, 10],
        [steering.translate, 2, 20],
      ]),
    ],
  })
  const lines = Array.from({ length: VOCABULARY }, (_, id) => `${Buffer.from(texts[id] ?? `<|${id}|>`).toString('base64')} ${id}\n`)
  return model(
    'automatic-speech-recognition',
    { 'tiny-encoder.onnx': encoder, 'tiny-decoder.onnx': decoder, 'tiny-tokens.txt': lines.join('') },
    { encoder: 'tiny-encoder.onnx', decoder: 'tiny-decoder.onnx', tokens: 'tiny-tokens.txt' },
  )
}
