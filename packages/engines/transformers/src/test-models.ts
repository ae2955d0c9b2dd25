import type { ModelFixture } from '@soma/testkit/engine'
import { type Vocabulary, type Weights, fixture, labels, seq2seqMarks, successors, table, vocabularyOf } from './test-fixtures.ts'
import { Graph, sparse } from './test-graphs.ts'

/** Models made by hand, so that their answers are known exactly: a word adds to a class. */

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
  const config = {
    model_type: 'bert',
    architectures: ['BertForSequenceClassification'],
    problem_type: 'multi_label_classification',
    max_position_embeddings: 32,
    ...labels('red', 'round'),
  }
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
  const config = {
    model_type: 'bert',
    architectures: ['BertForSequenceClassification'],
    max_position_embeddings: 32,
    ...labels('contradiction', 'neutral', 'entailment'),
  }
  const model = graph.output('logits', graph.op('Concat', [zero, zero, common], { axis: 1n }), 2).write()
  return fixture('zero-shot-classification', vocabulary, { config, model })
}

/** "Ada" begins a person and "Lovelace" goes on with one; "London" is a place. */
export function namesModel(): ModelFixture {
  const vocabulary = vocabularyOf(['ada', 'lovelace', 'lived', 'in', 'lon', '##don', 'zurich', '.'])
  const config = {
    model_type: 'bert',
    architectures: ['BertForTokenClassification'],
    max_position_embeddings: 32,
    ...labels('O', 'B-PER', 'I-PER', 'B-LOC', 'I-LOC'),
  }
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
  const config = { model_type: 'bert', architectures: ['BertForQuestionAnswering'], max_position_embeddings: 32 }
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
  const config = { model_type: 'bert', architectures: ['BertForMaskedLM'], max_position_embeddings: 32 }
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
    architectures: ['T5ForConditionalGeneration'],
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

/** Says "bonjour" in French and "hallo" in German, whatever it is told in English or Spanish. */
export function polyglotModel(): ModelFixture {
  const languages = ['eng_Latn', 'spa_Latn', 'fra_Latn', 'deu_Latn']
  const vocabulary = vocabularyOf(['hello', 'bonjour', 'hallo'], {
    kind: 'NllbTokenizer',
    frame: ['eng_Latn', '</s>'],
    special: [...seq2seqMarks, ...languages],
    config: { eos_token: '</s>', pad_token: '[PAD]', unk_token: '[UNK]' },
  })
  const encoder = new Graph()
  const states = encoder.op('Gather', [
    encoder.constant(table(vocabulary, 1, [['spa_Latn', 0, 1]])),
    encoder.input('input_ids', 'int64', 2),
  ])
  const decoder = new Graph()
  // Told in Spanish it says nothing: that is how the language of the text shows.
  const silent = decoder.op('MatMul', [
    decoder.sum(decoder.input('encoder_hidden_states', 'float32', 3), 1, true),
    decoder.constant(sparse(1, vocabulary.size, [[0, vocabulary.id('</s>'), 60]])),
  ])
  const next = successors(decoder, vocabulary, decoder.input('input_ids', 'int64', 2), [
    ['fra_Latn', 'bonjour'],
    ['deu_Latn', 'hallo'],
    ['bonjour', '</s>'],
    ['hallo', '</s>'],
  ])
  const config = {
    model_type: 'm2m_100',
    architectures: ['M2M100ForConditionalGeneration'],
    is_encoder_decoder: true,
    encoder_layers: 0,
    decoder_layers: 0,
    encoder_attention_heads: 1,
    decoder_attention_heads: 1,
    d_model: 1,
    decoder_start_token_id: 1,
    eos_token_id: 1,
    pad_token_id: 0,
  }
  return {
    ...phrasebookModel(),
    files: {
      'onnx/encoder_model.onnx': encoder.output('last_hidden_state', states, 3).write(),
      'onnx/decoder_model_merged.onnx': decoder.output('logits', decoder.op('Add', [next, silent]), 3).write(),
      'config.json': JSON.stringify(config),
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
    architectures: ['GPT2LMHeadModel'],
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
