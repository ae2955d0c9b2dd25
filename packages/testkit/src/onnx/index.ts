export { arithmeticModel, externalDataModel, identityModel, reshapeModel, slowModel } from './models.ts'
export { type OnnxAttribute, type OnnxModel, type OnnxNode, type OnnxTensor, type OnnxValue, writeOnnxModel } from './write-model.ts'
