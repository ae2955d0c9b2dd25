export { type GgufModel, type GgufModelTensor, type GgufModelValue, writeGguf } from './gguf.ts'
export { type SafetensorsModel, type SafetensorsModelTensor, writeSafetensors } from './safetensors.ts'
export { llamaGguf, shardIndexJson, tinySafetensors } from './models.ts'
