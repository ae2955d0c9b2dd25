import { defined } from '@soma/core'
import type { ModelFixture } from '@soma/testkit/engine'
import { type Graph, sparse } from './test-graphs.ts'

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

export function labels(...names: readonly string[]): object {
  return {
    id2label: Object.fromEntries(names.map((name, index) => [index, name])),
    label2id: Object.fromEntries(names.map((name, index) => [name, index])),
  }
}

export function fixture(
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

export type Weights = ReadonlyArray<readonly [string, number, number]>

export function table(vocabulary: Vocabulary, columns: number, weights: Weights): number[][] {
  return sparse(
    vocabulary.size,
    columns,
    weights.map(([word, column, value]) => [vocabulary.id(word), column, value]),
  )
}

/** What comes after each word, if anything: with the weight 30, so that nothing else can. */
export function successors(graph: Graph, vocabulary: Vocabulary, ids: string, pairs: ReadonlyArray<readonly [string, string]>): string {
  const weights: Weights = pairs.map(([word, next]) => [word, vocabulary.id(next), 30])
  return graph.op('Gather', [graph.constant(table(vocabulary, vocabulary.size, weights)), ids])
}

/** What models with an encoder and a decoder mark texts with. */
export const seq2seqMarks = ['[PAD]', '</s>', '[UNK]']
