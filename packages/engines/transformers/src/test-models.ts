import { defined } from '@soma/core'
import type { ModelFixture } from '@soma/testkit/engine'
import { Graph, sparse } from './test-graphs.ts'

/** Models made by hand, so that their answers are known exactly: a word adds to a class, a colour to a label. */

const special = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]']

export interface Vocabulary {
  readonly files: { readonly 'tokenizer.json': string; readonly 'tokenizer_config.json': string }
  readonly size: number
  id(word: string): number
}

export interface VocabularyOptions {
  /** As the library names classes of tokenizers. */
  readonly kind?: string
  readonly max?: number
  /** What comes before and behind a text; `[CLS]` and `[SEP]` when absent. */
  readonly frame?: readonly [string | null, string | null]
  readonly special?: readonly string[]
  /** Words whose numbers come before the special ones. */
  readonly before?: readonly string[]
  readonly config?: object
}

/** A tokenizer of whole words, in lower case. */
export function vocabularyOf(words: readonly string[], options: VocabularyOptions = {}): Vocabulary {
  const { kind = 'BertTokenizer', max = 32, frame = ['[CLS]', '[SEP]'], special: marks = special, before = [] } = options
  const all = [...before, ...marks, ...words]
  const ids = new Map(all.map((word, id) => [word, id]))
  const id = (word: string): number => defined(ids.get(word), `${word} is a word of the fixture`)
  const [first, last] = frame
  const mark = (token: string | null, type: number): object[] => (token === null ? [] : [{ SpecialToken: { id: token, type_id: type } }])
  const piece = (name: string, type: number): object => ({ Sequence: { id: name, type_id: type } })
  const marksUsed = [first, last].filter((token) => token !== null)
  const tokenizer = {
    version: '1.0',
    added_tokens: marks.map((content) => ({
      id: id(content),
      content,
      special: true,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
    })),
    normalizer: { type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true, strip_accents: null, lowercase: true },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: {
      type: 'TemplateProcessing',
      single: [...mark(first, 0), piece('A', 0), ...mark(last, 0)],
      pair: [...mark(first, 0), piece('A', 0), ...mark(last, 0), piece('B', 1), ...mark(last, 1)],
      special_tokens: Object.fromEntries(marksUsed.map((token) => [token, { id: token, ids: [id(token)], tokens: [token] }])),
    },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: false },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(ids),
    },
  }
  const named = { pad_token: '[PAD]', unk_token: '[UNK]', cls_token: '[CLS]', sep_token: '[SEP]', mask_token: '[MASK]' }
  const config = { tokenizer_class: kind, model_max_length: max, ...(options.special ? {} : named), ...options.config }
  return { files: { 'tokenizer.json': JSON.stringify(tokenizer), 'tokenizer_config.json': JSON.stringify(config) }, size: all.length, id }
}

function labels(...names: readonly string[]): object {
  return {
    id2label: Object.fromEntries(names.map((name, index) => [index, name])),
    label2id: Object.fromEntries(names.map((name, index) => [name, index])),
  }
}

function fixture(
  task: string,
  vocabulary: Pick<Vocabulary, 'files'> | null,
  { config, model, files = {} }: { config: object; model: Uint8Array; files?: ModelFixture['files'] },
): ModelFixture {
  return {
    format: 'onnx',
    task,
    roles: { model: 'onnx/model.onnx', ...(vocabulary && { tokenizer: 'tokenizer.json' }) },
    files: { 'onnx/model.onnx': model, 'config.json': JSON.stringify(config), ...vocabulary?.files, ...files },
  }
}

type Weights = ReadonlyArray<readonly [string, number, number]>

function table(vocabulary: Vocabulary, columns: number, weights: Weights): number[][] {
  return sparse(
    vocabulary.size,
    columns,
    weights.map(([word, column, value]) => [vocabulary.id(word), column, value]),
  )
}

/** The sum of what each word says of each class. */
function sumOfWords(vocabulary: Vocabulary, columns: number, weights: Weights): Uint8Array {
  const graph = new Graph()
  const ids = graph.input('input_ids', 'int64', 2)
  return graph.output('logits', graph.sum(graph.op('Gather', [graph.constant(table(vocabulary, columns, weights)), ids]), 1), 2).write()
}

/** "good" speaks for POSITIVE by 2, "bad" for NEGATIVE by 2, "film" for neither. */
export function sentimentModel(): ModelFixture {
  const vocabulary = vocabularyOf(['good', 'bad', 'film'])
  const config = {
    model_type: 'bert',
    architectures: ['BertForSequenceClassification'],
    max_position_embeddings: 32,
    ...labels('NEGATIVE', 'POSITIVE'),
  }
  return fixture('text-classification', vocabulary, {
    config,
    model: sumOfWords(vocabulary, 2, [
      ['good', 1, 2],
      ['bad', 0, 2],
    ]),
  })
}

/** Several classes may be true at once: "red" and "round" each speak for theirs by 3, from -1. */
export function tagsModel(): ModelFixture {
  const vocabulary = vocabularyOf(['red', 'round'])
  const config = { model_type: 'bert', problem_type: 'multi_label_classification', max_position_embeddings: 32, ...labels('red', 'round') }
  const weights: Weights = [
    ['[CLS]', 0, -1],
    ['[CLS]', 1, -1],
    ['red', 0, 3],
    ['round', 1, 3],
  ]
  return fixture('text-classification', vocabulary, { config, model: sumOfWords(vocabulary, 2, weights) })
}

/** Each word has a topic: what two texts have in common is the product of their sums. */
function topicsGraph(vocabulary: Vocabulary, topics: number, weights: Weights): { graph: Graph; common: string } {
  const graph = new Graph()
  const words = graph.op('Gather', [graph.constant(table(vocabulary, topics, weights)), graph.input('input_ids', 'int64', 2)])
  const types = graph.op('Cast', [graph.input('token_type_ids', 'int64', 2)], { to: 1n })
  const second = graph.sum(graph.op('Mul', [words, graph.op('Unsqueeze', [types, graph.constant([2], 'int64')])]), 1)
  const first = graph.op('Sub', [graph.sum(words, 1), second])
  return { graph, common: graph.sum(graph.op('Mul', [first, second]), 1, true) }
}

const topics: Weights = [
  ['goal', 0, 1],
  ['sports', 0, 2],
  ['vote', 1, 1],
  ['politics', 1, 2],
]

/** Documents about what the query is about have the logit 2, others 0. */
export function rankingModel(): ModelFixture {
  const vocabulary = vocabularyOf(['goal', 'sports', 'vote', 'politics', 'the'])
  const { graph, common } = topicsGraph(vocabulary, 2, topics)
  const config = { model_type: 'bert', architectures: ['BertForSequenceClassification'], max_position_embeddings: 16, ...labels('LABEL_0') }
  return fixture('text-ranking', vocabulary, { config, model: graph.output('logits', common, 2).write() })
}

/** A text entails that it is about its topic: the logit is 2. */
export function inferenceModel(): ModelFixture {
  const vocabulary = vocabularyOf(['goal', 'sports', 'vote', 'politics', 'this', 'example', 'is', '.'])
  const { graph, common } = topicsGraph(vocabulary, 2, topics)
  const zero = graph.op('Mul', [common, graph.constant([0])])
  const config = { model_type: 'bert', max_position_embeddings: 32, ...labels('contradiction', 'neutral', 'entailment') }
  const model = graph.output('logits', graph.op('Concat', [zero, zero, common], { axis: 1n }), 2).write()
  return fixture('zero-shot-classification', vocabulary, { config, model })
}

/** "Ada" begins a person and "Lovelace" goes on with one; "London" is a place. */
export function namesModel(): ModelFixture {
  const vocabulary = vocabularyOf(['ada', 'lovelace', 'lived', 'in', 'lon', '##don', 'zurich', '.'])
  const config = { model_type: 'bert', max_position_embeddings: 32, ...labels('O', 'B-PER', 'I-PER', 'B-LOC', 'I-LOC') }
  const graph = new Graph()
  const weights: Weights = [
    ['ada', 1, 4],
    ['lovelace', 2, 4],
    ['lon', 3, 4],
    ['##don', 4, 4],
    ['zurich', 3, 4],
    ...(['lived', 'in', '.', '[CLS]', '[SEP]', '[UNK]'].map((word) => [word, 0, 4]) as Weights),
  ]
  const logits = graph.op('Gather', [graph.constant(table(vocabulary, 5, weights)), graph.input('input_ids', 'int64', 2)])
  return fixture('token-classification', vocabulary, { config, model: graph.output('logits', logits, 3).write() })
}

/** Answers begin with "Paris" and end with "France". */
export function answersModel(): ModelFixture {
  const vocabulary = vocabularyOf(['where', 'is', 'she', '?', 'in', 'paris', ',', 'france', '.'])
  const config = { model_type: 'bert', max_position_embeddings: 32 }
  const graph = new Graph()
  const ids = graph.input('input_ids', 'int64', 2)
  const column = (word: string): string =>
    graph.op('Gather', [graph.constant(Array.from({ length: vocabulary.size }, (_, id) => (id === vocabulary.id(word) ? 20 : 0))), ids])
  const model = graph.output('start_logits', column('paris'), 2).output('end_logits', column('france'), 2).write()
  return fixture('question-answering', vocabulary, { config, model })
}

/** "France" speaks for "Paris" in the gap by 3, and "capital" for "Rome" by 2. */
export function gapModel(): ModelFixture {
  const vocabulary = vocabularyOf(['the', 'capital', 'of', 'france', 'is', 'paris', 'rome'])
  const config = { model_type: 'bert', max_position_embeddings: 32 }
  const graph = new Graph()
  const ids = graph.input('input_ids', 'int64', 2)
  const weights: Weights = [
    ['france', vocabulary.id('paris'), 3],
    ['capital', vocabulary.id('rome'), 2],
  ]
  const context = graph.sum(graph.op('Gather', [graph.constant(table(vocabulary, vocabulary.size, weights)), ids]), 1, true)
  const each = graph.op('Gather', [graph.constant(table(vocabulary, vocabulary.size, [])), ids])
  return fixture('fill-mask', vocabulary, { config, model: graph.output('logits', graph.op('Add', [context, each]), 3).write() })
}

/** Vectors of three numbers: "north" is (4, 0, 0), "east" (0, 3, 0), "up" (0, 0, 1), all else 0. */
export function compassModel(files: ModelFixture['files'] = {}): ModelFixture {
  const vocabulary = vocabularyOf(['north', 'east', 'up'], { max: 8 })
  const graph = new Graph()
  const weights: Weights = [
    ['north', 0, 4],
    ['east', 1, 3],
    ['up', 2, 1],
  ]
  const states = graph.op('Gather', [graph.constant(table(vocabulary, 3, weights)), graph.input('input_ids', 'int64', 2)])
  const config = { model_type: 'bert', architectures: ['BertModel'], max_position_embeddings: 8 }
  return fixture('feature-extraction', vocabulary, { config, model: graph.output('last_hidden_state', states, 3).write(), files })
}

/** What comes after each word, if anything: with the weight 30, so that nothing else can. */
function successors(graph: Graph, vocabulary: Vocabulary, ids: string, pairs: ReadonlyArray<readonly [string, string]>): string {
  const weights: Weights = pairs.map(([word, next]) => [word, vocabulary.id(next), 30])
  return graph.op('Gather', [graph.constant(table(vocabulary, vocabulary.size, weights)), ids])
}

const seq2seqMarks = ['[PAD]', '</s>', '[UNK]']

/** "hello" becomes "bonjour le monde", "bye" becomes "adieu". */
export function phrasebookModel(task = 'translation', config: object = {}): ModelFixture {
  const vocabulary = vocabularyOf(['hello', 'bye', 'bonjour', 'le', 'monde', 'adieu', ':', 'translate'], {
    kind: 'T5Tokenizer',
    frame: [null, '</s>'],
    special: seq2seqMarks,
    config: { eos_token: '</s>', pad_token: '[PAD]', unk_token: '[UNK]' },
  })
  const encoder = new Graph()
  const hints: Weights = [
    ['hello', vocabulary.id('bonjour'), 5],
    ['bye', vocabulary.id('adieu'), 5],
  ]
  const states = encoder.op('Gather', [encoder.constant(table(vocabulary, vocabulary.size, hints)), encoder.input('input_ids', 'int64', 2)])
  const decoder = new Graph()
  const hint = decoder.sum(decoder.input('encoder_hidden_states', 'float32', 3), 1, true)
  const next = successors(decoder, vocabulary, decoder.input('input_ids', 'int64', 2), [
    ['bonjour', 'le'],
    ['le', 'monde'],
    ['monde', '</s>'],
    ['adieu', '</s>'],
  ])
  const own = {
    model_type: 't5',
    is_encoder_decoder: true,
    num_layers: 0,
    num_decoder_layers: 0,
    num_heads: 1,
    d_kv: 1,
    d_model: 1,
    decoder_start_token_id: 0,
    eos_token_id: 1,
    pad_token_id: 0,
    ...config,
  }
  return {
    format: 'onnx',
    task,
    roles: { encoder: 'onnx/encoder_model.onnx', 'decoder-merged': 'onnx/decoder_model_merged.onnx', tokenizer: 'tokenizer.json' },
    files: {
      'onnx/encoder_model.onnx': encoder.output('last_hidden_state', states, 3).write(),
      'onnx/decoder_model_merged.onnx': decoder.output('logits', decoder.op('Add', [next, hint]), 3).write(),
      'config.json': JSON.stringify(own),
      ...vocabulary.files,
    },
  }
}

/** Says "one two three … eight" and ends; "chaos" is followed by "heads" and "tails" alike, for ever. */
export function countingModel(options: { template?: string; contextLength?: number; generation?: object } = {}): ModelFixture {
  const numbers = ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight']
  const vocabulary = vocabularyOf([...numbers, 'chaos', 'heads', 'tails', 'user', ':'], {
    kind: 'PreTrainedTokenizer',
    frame: [null, null],
    special: seq2seqMarks,
    config: {
      eos_token: '</s>',
      pad_token: '[PAD]',
      unk_token: '[UNK]',
      ...(options.template !== undefined && { chat_template: options.template }),
    },
  })
  const coin = ['chaos', 'heads', 'tails'].flatMap((word): Array<readonly [string, string]> => [
    [word, 'heads'],
    [word, 'tails'],
  ])
  const graph = new Graph()
  const logits = successors(graph, vocabulary, graph.input('input_ids', 'int64', 2), [
    ...numbers.map((word, index): readonly [string, string] => [word, numbers[index + 1] ?? '</s>']),
    ...coin,
  ])
  const contextLength = options.contextLength ?? 64
  const config = {
    model_type: 'gpt2',
    n_layer: 0,
    n_head: 1,
    n_embd: 1,
    max_position_embeddings: contextLength,
    eos_token_id: 1,
    pad_token_id: 0,
  }
  const files = options.generation ? { 'generation_config.json': JSON.stringify(options.generation) } : {}
  return fixture('text-generation', vocabulary, { config, model: graph.output('logits', logits, 3).write(), files })
}

const rgb = { do_resize: true, size: { height: 8, width: 8 }, do_rescale: true, rescale_factor: 1 / 255, do_normalize: false }

/** The mean of each colour, float32[1, 3]. */
function colours(graph: Graph): string {
  return graph.mean(graph.input('pixel_values', 'float32', 4), [2n, 3n])
}

/** Tells which colour a picture has most of: its mean × 4. */
export function coloursModel(): ModelFixture {
  const graph = new Graph()
  const logits = graph.op('Mul', [colours(graph), graph.constant([4])])
  const config = { model_type: 'vit', architectures: ['ViTForImageClassification'], ...labels('red', 'green', 'blue') }
  const files = { 'preprocessor_config.json': JSON.stringify({ image_processor_type: 'ViTImageProcessor', ...rgb }) }
  return withPreprocessor(fixture('image-classification', null, { config, model: graph.output('logits', logits, 2).write(), files }))
}

function withPreprocessor(model: ModelFixture): ModelFixture {
  return { ...model, roles: { ...model.roles, preprocessor: 'preprocessor_config.json' } }
}

/** Puts pictures and words for colours into one space: a word's colour × 4. */
export function matchingModel(): ModelFixture {
  const vocabulary = vocabularyOf(['red', 'green', 'blue', 'this', 'is', 'a', 'photo', 'of'])
  const graph = new Graph()
  const weights: Weights = [
    ['red', 0, 4],
    ['green', 1, 4],
    ['blue', 2, 4],
  ]
  const text = graph.sum(graph.op('Gather', [graph.constant(table(vocabulary, 3, weights)), graph.input('input_ids', 'int64', 2)]), 1)
  const common = graph.sum(graph.op('Mul', [text, colours(graph)]), 1, true)
  const config = { model_type: 'clip', architectures: ['CLIPModel'], text_config: { max_position_embeddings: 16 } }
  const files = {
    'preprocessor_config.json': JSON.stringify({ image_processor_type: 'CLIPImageProcessor', ...rgb, do_center_crop: false }),
  }
  const model = graph.output('logits_per_image', common, 2).write()
  return fixture('zero-shot-image-classification', vocabulary, { config, model, files })
}

/** Finds a lamp in the middle half of a picture, the surer the redder it is; and nothing else. */
export function lampModel(): ModelFixture {
  const graph = new Graph()
  const red = graph.op('MatMul', [colours(graph), graph.constant([[8], [0], [0]])])
  const row = graph.op('Concat', [red, graph.op('Mul', [red, graph.constant([0])])], { axis: 1n })
  const nothing = graph.op('Add', [graph.op('Mul', [row, graph.constant([0])]), graph.constant([0, 9])])
  const both = graph.op('Unsqueeze', [graph.op('Concat', [row, nothing], { axis: 0n }), graph.constant([0], 'int64')])
  const boxes = graph.op('Unsqueeze', [
    graph.constant([
      [0.5, 0.5, 0.5, 0.5],
      [0.1, 0.1, 0.1, 0.1],
    ]),
    graph.constant([0], 'int64'),
  ])
  const config = { model_type: 'detr', architectures: ['DetrForObjectDetection'], ...labels('lamp') }
  const files = {
    'preprocessor_config.json': JSON.stringify({
      image_processor_type: 'DetrImageProcessor',
      ...rgb,
      size: { shortest_edge: 8, longest_edge: 16 },
    }),
  }
  const model = graph.output('logits', both, 3).output('pred_boxes', boxes, 3).write()
  return withPreprocessor(fixture('object-detection', null, { config, model, files }))
}

/** Says "a red rose" of red pictures, "the sea" of blue ones. */
export function captionModel(): ModelFixture {
  const vocabulary = vocabularyOf(['a', 'red', 'rose', 'the', 'sea'], {
    kind: 'PreTrainedTokenizer',
    frame: [null, '</s>'],
    special: seq2seqMarks,
    config: { eos_token: '</s>', pad_token: '[PAD]', unk_token: '[UNK]' },
  })
  const encoder = new Graph()
  const states = encoder.op('Unsqueeze', [colours(encoder), encoder.constant([1], 'int64')])
  const decoder = new Graph()
  const hints = sparse(3, vocabulary.size, [
    [0, vocabulary.id('a'), 5],
    [2, vocabulary.id('the'), 5],
  ])
  const hint = decoder.op('MatMul', [decoder.input('encoder_hidden_states', 'float32', 3), decoder.constant(hints)])
  const next = successors(decoder, vocabulary, decoder.input('input_ids', 'int64', 2), [
    ['a', 'red'],
    ['red', 'rose'],
    ['rose', '</s>'],
    ['the', 'sea'],
    ['sea', '</s>'],
  ])
  const ends = { decoder_start_token_id: 0, eos_token_id: 1, pad_token_id: 0 }
  const config = {
    model_type: 'vision-encoder-decoder',
    is_encoder_decoder: true,
    encoder: { model_type: 'vit' },
    decoder: { model_type: 'gpt2', n_layer: 0, n_head: 1, n_embd: 1 },
    ...ends,
  }
  return {
    format: 'onnx',
    task: 'image-to-text',
    roles: { encoder: 'onnx/encoder_model.onnx', 'decoder-merged': 'onnx/decoder_model_merged.onnx', tokenizer: 'tokenizer.json' },
    files: {
      'onnx/encoder_model.onnx': encoder.output('last_hidden_state', states, 3).write(),
      'onnx/decoder_model_merged.onnx': decoder.output('logits', decoder.op('Add', [next, hint]), 3).write(),
      'config.json': JSON.stringify(config),
      'preprocessor_config.json': JSON.stringify({ image_processor_type: 'ViTImageProcessor', ...rgb }),
      ...vocabulary.files,
    },
  }
}
