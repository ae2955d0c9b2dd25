import type { ModelFixture } from '@soma/testkit/engine'
import { Graph, sparse } from './test-graphs.ts'
import { type Vocabulary, vocabularyOf } from './test-fixtures.ts'

/** Samples that one moment of the character model looks at: a tenth of a second. */
export const MOMENT = 1600

/** Writes "a" while it is loud (above 0.3 on average), "b" while it is half as loud, and nothing in silence. */
export function loudnessModel(): ModelFixture {
  const graph = new Graph()
  const samples = graph.op('Unsqueeze', [graph.op('Abs', [graph.input('input_values', 'float32', 2)]), graph.constant([1], 'int64')])
  const means = graph.op('AveragePool', [samples], { kernel_shape: [BigInt(MOMENT)], strides: [BigInt(MOMENT)] })
  const column = graph.op('Transpose', [means], { perm: [0n, 2n, 1n] })
  const logits = graph.op('Add', [graph.op('MatMul', [column, graph.constant([[0, 30, 10, 0]])]), graph.constant([0, -6, -1, -99])])
  const vocab = { '<pad>': 0, a: 1, b: 2, '|': 3 }
  const tokenizer = {
    version: '1.0',
    added_tokens: [{ id: 0, content: '<pad>', special: true, single_word: false, lstrip: false, rstrip: false, normalized: false }],
    normalizer: null,
    pre_tokenizer: { type: 'Split', pattern: { Regex: '' }, behavior: 'Isolated', invert: false },
    post_processor: null,
    decoder: { type: 'CTC', pad_token: '<pad>', word_delimiter_token: '|', cleanup: true },
    model: { type: 'WordPiece', unk_token: '<pad>', continuing_subword_prefix: '', max_input_chars_per_word: 100, vocab },
  }
  return {
    format: 'onnx',
    task: 'automatic-speech-recognition',
    roles: { model: 'onnx/model.onnx', tokenizer: 'tokenizer.json' },
    files: {
      'onnx/model.onnx': graph.output('logits', logits, 3).write(),
      'config.json': JSON.stringify({ model_type: 'wav2vec2', architectures: ['Wav2Vec2ForCTC'] }),
      'preprocessor_config.json': JSON.stringify({
        feature_extractor_type: 'Wav2Vec2FeatureExtractor',
        sampling_rate: 16_000,
        do_normalize: false,
      }),
      'tokenizer.json': JSON.stringify(tokenizer),
      'tokenizer_config.json': JSON.stringify({ tokenizer_class: 'Wav2Vec2CTCTokenizer', pad_token: '<pad>', model_max_length: 1e30 }),
    },
  }
}

const marks = ['<|endoftext|>', '<|startoftranscript|>', '<|en|>', '<|de|>', '<|translate|>', '<|transcribe|>', '<|notimestamps|>']
const words = ['noise', 'silence', 'laerm', 'stille', 'ende']
const MEL_BINS = 80
const TIMES = 1501

/**
 * A Whisper that says from 0.00 to 1.00 "noise" of a loud window and "silence" of a quiet one, then "ende" to its end. Loud
 * windows are in German, and "laerm" when they are not translated.
 */
export function whisperModel(config: { readonly multilingual?: boolean } = {}): ModelFixture {
  const { multilingual = true } = config
  // As in the real ones: words, then what marks things, then times in steps of 0.02 s.
  const times = Array.from({ length: TIMES }, (_, step) => `<|${(step * 0.02).toFixed(2)}|>`)
  const vocabulary = vocabularyOf(times, {
    before: words,
    kind: 'WhisperTokenizer',
    frame: [null, null],
    special: marks,
    config: { model_max_length: 448 },
  })
  const id = (word: string): number => vocabulary.id(word)
  const ends = { decoder_start_token_id: id('<|startoftranscript|>'), eos_token_id: id('<|endoftext|>'), pad_token_id: id('<|endoftext|>') }
  return {
    format: 'onnx',
    task: 'automatic-speech-recognition',
    roles: { encoder: 'onnx/encoder_model.onnx', 'decoder-merged': 'onnx/decoder_model_merged.onnx', tokenizer: 'tokenizer.json' },
    files: {
      'onnx/encoder_model.onnx': loudnessEncoder(),
      'onnx/decoder_model_merged.onnx': new Decoder(vocabulary).write(),
      'config.json': JSON.stringify({
        model_type: 'whisper',
        architectures: ['WhisperForConditionalGeneration'],
        is_encoder_decoder: true,
        decoder_layers: 0,
        encoder_layers: 0,
        decoder_attention_heads: 1,
        encoder_attention_heads: 1,
        d_model: 1,
        max_source_positions: 1500,
        ...ends,
        vocab_size: vocabulary.size,
      }),
      'generation_config.json': JSON.stringify({
        ...ends,
        no_timestamps_token_id: id('<|notimestamps|>'),
        max_initial_timestamp_index: 1,
        is_multilingual: multilingual,
        ...(multilingual && {
          lang_to_id: { '<|en|>': id('<|en|>'), '<|de|>': id('<|de|>') },
          task_to_id: { translate: id('<|translate|>'), transcribe: id('<|transcribe|>') },
        }),
      }),
      'preprocessor_config.json': JSON.stringify({
        feature_extractor_type: 'WhisperFeatureExtractor',
        feature_size: MEL_BINS,
        sampling_rate: 16_000,
        hop_length: 1600,
        n_fft: 400,
        chunk_length: 30,
        n_samples: 480_000,
        nb_max_frames: 300,
      }),
      ...vocabulary.files,
    },
  }
}

/** How far the window is above silence: about 1 where it is loud. Whisper's features of silence are all -1.5. */
function loudnessEncoder(): Uint8Array {
  const graph = new Graph()
  const mean = graph.mean(graph.input('input_features', 'float32', 3), [1n, 2n], true)
  return graph.output('last_hidden_state', graph.op('Add', [mean, graph.constant([1.5])]), 3).write()
}

/** States: what a token makes come next, whatever the sound; and how much the sound speaks for it. */
class Decoder {
  readonly #vocabulary: Vocabulary
  readonly #size: number

  constructor(vocabulary: Vocabulary) {
    this.#vocabulary = vocabulary
    this.#size = vocabulary.size
  }

  write(): Uint8Array {
    const graph = new Graph()
    const states = graph.op('Gather', [graph.constant(this.#states()), graph.input('input_ids', 'int64', 2)])
    const always = graph.op('MatMul', [states, graph.constant(this.#next(false))])
    const heard = graph.op('MatMul', [states, graph.constant(this.#next(true))])
    const logits = graph.op('Add', [always, graph.op('Mul', [heard, graph.input('encoder_hidden_states', 'float32', 3)])])
    return graph.output('logits', logits, 3).write()
  }

  #states(): number[][] {
    const of: ReadonlyArray<readonly [number, number]> = [
      [this.#id('<|startoftranscript|>'), 0],
      [this.#id('<|transcribe|>'), 1],
      [this.#id('<|translate|>'), 1],
      [this.#time(0), 2],
      ...['noise', 'silence', 'laerm', 'stille'].map((word): readonly [number, number] => [this.#id(word), 3]),
      [this.#time(1), 4],
      [this.#time(1.02), 5],
      [this.#id('ende'), 6],
    ]
    return sparse(
      this.#size,
      7,
      of.map(([id, state]) => [id, state, 1]),
    )
  }

  /** What each state is followed by; `heard` says it for each unit of loudness. */
  #next(heard: boolean): number[][] {
    const quiet: ReadonlyArray<readonly [number, string | number, number]> = [
      [0, '<|en|>', 5],
      [1, 0, 30],
      [2, 'silence', 30],
      [3, 1, 30],
      [4, 1.02, 60],
      [5, 'ende', 60],
      [6, '<|endoftext|>', 60],
    ]
    const loud: typeof quiet = [
      [0, '<|de|>', 100],
      [2, 'noise', 300],
    ]
    const entries = (heard ? loud : quiet).map(([state, token, weight]): [number, number, number] => [
      state,
      typeof token === 'number' ? this.#time(token) : this.#id(token),
      weight,
    ])
    return sparse(7, this.#size, entries)
  }

  #id(word: string): number {
    return this.#vocabulary.id(word)
  }

  #time(seconds: number): number {
    return this.#id(`<|${seconds.toFixed(2)}|>`)
  }
}
