// Writes a llama with random weights, of the size that is asked for: for measuring speed, where no trained model is at hand.
// `node random-gguf.ts --parameters 350M --type q4_0 out.gguf`
import { type FileHandle, open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type GgufModelValue, type GgufTensorPlan, writeGgufHead } from '@soma/testkit/formats'
import { type LlamaShape, parametersOf, shapeWith } from './random-shape.ts'
import { type BlockType, type Rng, blockTypes, randomBlocks, seeded, weightsPerBlock } from './random-weights.ts'

export interface RandomGgufOptions {
  /** About how many; the closest usual shape is taken. */
  readonly parameters: number
  readonly type: BlockType
  /** The same seed gives the same file. */
  readonly seed: number
}

const alignment = 32
const contextLength = 4096
/** <|endoftext|>, <|im_start|> and <|im_end|> are the first tokens; their rows are zero, so that no answer ends by chance. */
const specialTokens = 3

/**
 * Writes the file in pieces; 350 M parameters take seconds and few megabytes of memory.
 * Its tokenizer is the tiny model's, filled up with tokens that stand for themselves. @returns how many parameters it has.
 */
export async function writeRandomGguf(path: string, { parameters, type, seed }: RandomGgufOptions): Promise<number> {
  const shape = shapeWith(parameters)
  const tensors = tensorsOf(shape, type)
  const metadata = [...describe(shape, type), ...(await tokenizerOf(shape))]
  await using file = await open(path, 'w')
  await file.writeFile(writeGgufHead({ metadata, tensors, alignment }))
  const rng = seeded(seed)
  for (const tensor of tensors) await writeTensor(file, tensor, { type, rng })
  return parametersOf(shape)
}

function tensorsOf({ vocabulary, width, layers, heads, kvHeads, feedForward }: LlamaShape, type: BlockType): GgufTensorPlan[] {
  const { number, bytes } = blockTypes[type]
  const norm = (name: string): GgufTensorPlan => ({ name, shape: [width], type: 0, sizeBytes: width * 4 })
  const matrix = (name: string, columns: number, rows: number): GgufTensorPlan => {
    return { name, shape: [columns, rows], type: number, sizeBytes: (columns / weightsPerBlock) * rows * bytes }
  }
  const shared = (width * kvHeads) / heads
  const layer = (index: number): GgufTensorPlan[] => [
    norm(`blk.${index}.attn_norm.weight`),
    matrix(`blk.${index}.attn_q.weight`, width, width),
    matrix(`blk.${index}.attn_k.weight`, width, shared),
    matrix(`blk.${index}.attn_v.weight`, width, shared),
    matrix(`blk.${index}.attn_output.weight`, width, width),
    norm(`blk.${index}.ffn_norm.weight`),
    matrix(`blk.${index}.ffn_gate.weight`, width, feedForward),
    matrix(`blk.${index}.ffn_up.weight`, width, feedForward),
    matrix(`blk.${index}.ffn_down.weight`, feedForward, width),
  ]
  const all = Array.from({ length: layers }, (_, index) => layer(index)).flat()
  return [matrix('token_embd.weight', width, vocabulary), ...all, norm('output_norm.weight')]
}

async function writeTensor(file: FileHandle, tensor: GgufTensorPlan, { type, rng }: { type: BlockType; rng: Rng }): Promise<void> {
  const [width = 0, rows] = tensor.shape
  const zeroRows = tensor.name === 'token_embd.weight' ? specialTokens : 0
  const pieces =
    rows === undefined ? [new Uint8Array(new Float32Array(width).fill(1).buffer)] : randomBlocks({ type, width, rows, zeroRows, rng })
  for (const piece of pieces) await file.writeFile(piece)
  await file.writeFile(new Uint8Array((alignment - (tensor.sizeBytes % alignment)) % alignment))
}

type Metadata = Array<[string, GgufModelValue]>

const text = (value: string): GgufModelValue => ({ type: 'string', value })
const uint32 = (value: number): GgufModelValue => ({ type: 'uint32', value })

function describe(shape: LlamaShape, type: BlockType): Metadata {
  return [
    ['general.architecture', text('llama')],
    ['general.name', text(`Random ${Math.round(parametersOf(shape) / 1e6)}M`)],
    ['general.file_type', uint32(blockTypes[type].fileType)],
    ['general.quantization_version', uint32(2)],
    ['llama.context_length', uint32(contextLength)],
    ['llama.embedding_length', uint32(shape.width)],
    ['llama.block_count', uint32(shape.layers)],
    ['llama.feed_forward_length', uint32(shape.feedForward)],
    ['llama.attention.head_count', uint32(shape.heads)],
    ['llama.attention.head_count_kv', uint32(shape.kvHeads)],
    ['llama.attention.layer_norm_rms_epsilon', { type: 'float32', value: 1e-5 }],
    ['llama.rope.dimension_count', uint32(shape.width / shape.heads)],
    ['llama.vocab_size', uint32(shape.vocabulary)],
  ]
}

const normalToken = 1
const controlToken = 3

async function tokenizerOf({ vocabulary }: LlamaShape): Promise<Metadata> {
  const folder = join(import.meta.dirname, 'model')
  const { model } = JSON.parse(await readFile(join(folder, 'tokenizer.json'), 'utf8')) as {
    model: { vocab: Record<string, number>; merges: Array<[string, string]> }
  }
  const { chat_template } = JSON.parse(await readFile(join(folder, 'tokenizer_config.json'), 'utf8')) as { chat_template: string }
  const known = Object.keys(model.vocab).sort((a, b) => (model.vocab[a] ?? 0) - (model.vocab[b] ?? 0))
  const tokens = Array.from({ length: vocabulary }, (_, id) => known[id] ?? `Ġtoken${id}`)
  const kinds = tokens.map((_, id) => (id < specialTokens ? controlToken : normalToken))
  return [
    ['tokenizer.ggml.model', text('gpt2')],
    ['tokenizer.ggml.pre', text('smollm')],
    ['tokenizer.ggml.tokens', { type: 'array', of: 'string', value: tokens.map(text) }],
    ['tokenizer.ggml.token_type', { type: 'array', of: 'int32', value: kinds.map((value) => ({ type: 'int32', value })) }],
    ['tokenizer.ggml.merges', { type: 'array', of: 'string', value: model.merges.map((pair) => text(pair.join(' '))) }],
    ['tokenizer.ggml.padding_token_id', uint32(0)],
    ['tokenizer.ggml.bos_token_id', uint32(1)],
    ['tokenizer.ggml.eos_token_id', uint32(2)],
    ['tokenizer.ggml.add_bos_token', { type: 'bool', value: false }],
    ['tokenizer.chat_template', text(chat_template)],
  ]
}

function parseCount(count: string): number {
  const [, digits, unit = ''] = /^(\d+(?:\.\d+)?)([MB]?)$/.exec(count) ?? []
  if (digits === undefined) throw new RangeError(`${count} is no number of parameters; write 350M or 1B`)
  return Number(digits) * { '': 1, M: 1e6, B: 1e9 }[unit as '' | 'M' | 'B']
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    options: {
      parameters: { type: 'string', default: '350M' },
      type: { type: 'string', default: 'q4_0' },
      seed: { type: 'string', default: '1' },
    },
    allowPositionals: true,
  })
  const [path] = positionals
  if (path === undefined || !Object.hasOwn(blockTypes, values.type)) {
    throw new Error(`usage: node random-gguf.ts [--parameters 350M] [--type ${Object.keys(blockTypes).join('|')}] [--seed 1] out.gguf`)
  }
  const options = { parameters: parseCount(values.parameters), type: values.type as BlockType, seed: Number(values.seed) }
  console.log(`${path}: ${await writeRandomGguf(path, options)} parameters`)
}
