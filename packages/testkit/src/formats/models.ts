import { type GgufModel, type GgufModelValue, writeGguf } from './gguf.ts'
import { writeSafetensors } from './safetensors.ts'

/** What a converter writes for a small llama: two layers, eight heads over four, 512 tokens of context. */
export function llamaGguf(options: Pick<GgufModel, 'version' | 'littleEndian'> = {}): Uint8Array {
  const uint32 = (value: number): GgufModelValue => ({ type: 'uint32', value })
  const text = (value: string): GgufModelValue => ({ type: 'string', value })
  const tokens = ['<unk>', '<s>', '</s>', '▁a', 'b'].map(text)
  const scores = tokens.map((_, index): GgufModelValue => ({ type: 'float32', value: -index }))
  return writeGguf({
    ...options,
    metadata: [
      ['general.architecture', text('llama')],
      ['general.name', text('Tiny')],
      ['general.license', text('apache-2.0')],
      ['general.file_type', uint32(15)],
      ['llama.context_length', uint32(512)],
      ['llama.embedding_length', uint32(256)],
      ['llama.block_count', uint32(2)],
      ['llama.attention.head_count', uint32(8)],
      ['llama.attention.head_count_kv', uint32(4)],
      ['llama.attention.layer_norm_rms_epsilon', { type: 'float32', value: 0.5 }],
      ['tokenizer.ggml.model', text('llama')],
      ['tokenizer.ggml.tokens', { type: 'array', of: 'string', value: tokens }],
      ['tokenizer.ggml.scores', { type: 'array', of: 'float32', value: scores }],
      ['tokenizer.ggml.add_bos_token', { type: 'bool', value: true }],
      ['tokenizer.chat_template', text('{{ messages }}')],
    ],
    tensors: [
      { name: 'token_embd.weight', shape: [256, 2], type: 12, data: new Uint8Array(2 * 144) },
      { name: 'output_norm.weight', shape: [256], type: 0, data: new Uint8Array(1024) },
      { name: 'output.weight', shape: [256, 1], type: 14, data: new Uint8Array(210) },
    ],
  })
}

/** Three tensors of different types, one without elements. */
export function tinySafetensors(): Uint8Array {
  return writeSafetensors({
    metadata: { format: 'pt' },
    tensors: [
      { name: 'embeddings.weight', dtype: 'F16', shape: [3, 4], data: new Uint8Array(24) },
      { name: 'empty', dtype: 'F32', shape: [0, 4], data: new Uint8Array(0) },
      { name: 'norm.weight', dtype: 'F32', shape: [4], data: new Uint8Array(16) },
    ],
  })
}

/** The index of a model in two files. */
export function shardIndexJson(): Uint8Array {
  const index = {
    metadata: { total_size: 40 },
    weight_map: { 'embeddings.weight': 'model-00001-of-00002.safetensors', 'norm.weight': 'model-00002-of-00002.safetensors' },
  }
  return new TextEncoder().encode(JSON.stringify(index, null, 2))
}
