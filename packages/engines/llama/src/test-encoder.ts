import type { ModelFixture } from '@soma/testkit/engine'
import { type GgufModelTensor, type GgufModelValue, writeGguf } from '@soma/testkit/formats'

const WIDTH = 32
const FEED_FORWARD = 64
const CONTEXT_LENGTH = 256
const words = 'the a is of cat dog sea ship runs sleeps sails small old red'.split(' ')
const tokens = [
  '[PAD]',
  '[UNK]',
  '[CLS]',
  '[SEP]',
  '[MASK]',
  ...words.map((word) => `\u2581${word}`),
  ...'abcdefghijklmnopqrstuvwxyz'.split(''),
]

const uint = (value: number): GgufModelValue => ({ type: 'uint32', value })
const text = (value: string): GgufModelValue => ({ type: 'string', value })

function metadata(pooling: number): Array<[string, GgufModelValue]> {
  return [
    ['general.architecture', text('bert')],
    ['bert.block_count', uint(1)],
    ['bert.context_length', uint(CONTEXT_LENGTH)],
    ['bert.embedding_length', uint(WIDTH)],
    ['bert.feed_forward_length', uint(FEED_FORWARD)],
    ['bert.attention.head_count', uint(2)],
    ['bert.attention.layer_norm_epsilon', { type: 'float32', value: 1e-6 }],
    ['bert.attention.causal', { type: 'bool', value: false }],
    ['bert.pooling_type', uint(pooling)],
    ['tokenizer.ggml.model', text('bert')],
    ['tokenizer.ggml.token_type_count', uint(2)],
    ['tokenizer.ggml.tokens', { type: 'array', of: 'string', value: tokens.map(text) }],
    [
      'tokenizer.ggml.token_type',
      { type: 'array', of: 'int32', value: tokens.map((_, index) => ({ type: 'int32', value: index < 5 ? 3 : 1 }) as const) },
    ],
    ['tokenizer.ggml.padding_token_id', uint(0)],
    ['tokenizer.ggml.unknown_token_id', uint(1)],
    ['tokenizer.ggml.bos_token_id', uint(2)],
    ['tokenizer.ggml.eos_token_id', uint(3)],
    ['tokenizer.ggml.seperator_token_id', uint(3)],
  ]
}

/** Weights from a row of fixed numbers that repeats itself only after long. */
function tensor(name: string, shape: readonly number[]): GgufModelTensor {
  const seed = Buffer.from(name).reduce((sum, byte) => Math.imul(sum, 31) + byte, 7)
  const isNorm = name.endsWith('norm.weight')
  const values = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, index) =>
    isNorm ? 1 : Math.sin(seed + index * 12.9898) / 2,
  )
  return { name, shape, type: 0, data: new Uint8Array(values.buffer) }
}

function tensors(ranks: boolean): GgufModelTensor[] {
  const withBias = (name: string, shape: readonly number[]): GgufModelTensor[] => [
    tensor(`${name}.weight`, shape),
    tensor(`${name}.bias`, shape.slice(-1)),
  ]
  return [
    tensor('token_embd.weight', [WIDTH, tokens.length]),
    tensor('token_types.weight', [WIDTH, 2]),
    tensor('position_embd.weight', [WIDTH, CONTEXT_LENGTH]),
    ...withBias('token_embd_norm', [WIDTH]),
    ...['attn_q', 'attn_k', 'attn_v', 'attn_output'].flatMap((name) => withBias(`blk.0.${name}`, [WIDTH, WIDTH])),
    ...withBias('blk.0.attn_output_norm', [WIDTH]),
    ...withBias('blk.0.ffn_up', [WIDTH, FEED_FORWARD]),
    ...withBias('blk.0.ffn_down', [FEED_FORWARD, WIDTH]),
    ...withBias('blk.0.layer_output_norm', [WIDTH]),
    ...(ranks ? [...withBias('cls', [WIDTH, WIDTH]), ...withBias('cls.output', [WIDTH, 1])] : []),
  ]
}

const MEAN = 1
const RANK = 4

/** A BERT of one layer with made-up weights: what its vectors mean is nothing, but they are always the same. */
export const encoder = { fixture: fixture('feature-extraction', MEAN, false), dimensions: WIDTH }
/** The same with a head that scores. */
export const ranker = { fixture: fixture('text-ranking', RANK, true) }

function fixture(task: string, pooling: number, ranks: boolean): ModelFixture {
  const [name, model] = [`${task}.gguf`, writeGguf({ metadata: metadata(pooling), tensors: tensors(ranks) })]
  return { files: { [name]: model }, roles: { model: name }, format: 'gguf', task }
}
