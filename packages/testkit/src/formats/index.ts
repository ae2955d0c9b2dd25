export {
  type GgufModel,
  type GgufModelTensor,
  type GgufModelValue,
  type GgufPlan,
  type GgufTensorPlan,
  writeGguf,
  writeGgufHead,
} from './gguf.ts'
export { type SafetensorsModel, type SafetensorsModelTensor, writeSafetensors } from './safetensors.ts'
export { llamaGguf, shardIndexJson, tinySafetensors } from './models.ts'
export {
  type SavedModelParts,
  type SavedModelPort,
  type TfliteOperator,
  type TfliteTensor,
  writeSavedModel,
  writeTflite,
} from './tensorflow.ts'
export { type TorchTensor, stateDictPickle, storagesOf, writeLegacyTorch, writeTorch } from './torch.ts'
export { type ZipTestEntry, type ZipTestOptions, writeZip } from './zip.ts'
