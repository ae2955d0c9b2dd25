import { type EngineDescriptor, SMI_VERSION } from '@soma/spec'

/** Runs language models in GGUF files with llama.cpp: chat and completion, embeddings, ranking. */
export const descriptor: EngineDescriptor = {
  smiVersion: SMI_VERSION,
  id: 'llama',
  title: 'Language models in GGUF files (llama.cpp)',
  version: '0.1.0',
  formats: ['gguf'],
  tasks: ['text-generation', 'feature-extraction', 'text-ranking'],
  // None: what a GGUF file holds, and of how many parts it is, says its header and not its name.
  layouts: [],
  apis: ['cuda', 'vulkan', 'metal'],
  options: [
    {
      name: 'use',
      type: 'string',
      values: ['generate', 'embed', 'rerank'],
      description: 'What to load it for; as its header says when absent.',
    },
    {
      name: 'contextLength',
      type: 'integer',
      description: 'Tokens of prompt and answer together; up to 8,192 of those it was trained on when absent.',
    },
    {
      name: 'sequences',
      type: 'integer',
      description: 'Generations that run at once; up to 4, as far as their caches stay small beside the weights, when absent.',
    },
    { name: 'batchSize', type: 'integer', default: 512, description: 'Most tokens of prompts that are computed in one step.' },
    { name: 'gpuLayers', type: 'integer', description: 'Layers on the accelerator, where one is used; all when absent.' },
    { name: 'flashAttention', type: 'boolean', description: 'Whether to use flash attention; as llama.cpp decides when absent.' },
    {
      name: 'kvCacheType',
      type: 'string',
      values: ['f32', 'f16', 'bf16', 'q8_0', 'q5_1', 'q5_0', 'q4_1', 'q4_0'],
      default: 'f16',
      description: 'Element type of the cache of keys and values: less memory for less exactness.',
    },
    {
      name: 'lora',
      type: 'strings',
      files: true,
      default: [],
      description: 'LoRA adapters: files of the package or absolute paths, each with an optional scale after "=": style.gguf=0.5.',
    },
    {
      name: 'speculative',
      type: 'string',
      values: ['off', 'lookup', 'draft'],
      default: 'off',
      description: 'Guess tokens and check several at once: from the prompt (lookup), or with the small model in draftModel.',
    },
    {
      name: 'draftModel',
      type: 'string',
      files: true,
      description: 'GGUF file of the model that guesses: a file of the package or an absolute path.',
    },
    { name: 'chatTemplate', type: 'string', description: 'Jinja text to use in place of the chat template in the file.' },
    {
      name: 'memoryMap',
      type: 'boolean',
      default: true,
      description: 'Map the file instead of reading it: shared between processes, and paged in as needed.',
    },
  ],
}
