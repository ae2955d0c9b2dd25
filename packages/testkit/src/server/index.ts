export { anthropicApi } from './anthropic-api.ts'
export { type ArchiveFiles, tarGzOf, tarOf, zipOf } from './archives.ts'
export { type AxonRegistryOptions, type AxonVersion, axonRegistry } from './axon-registry.ts'
export {
  type Fault,
  answers,
  corruptsByte,
  cutsAfter,
  drips,
  hasEtag,
  ignoresIfRange,
  ignoresRange,
  liesAboutRange,
  misstatesLength,
  redirectsTo,
  resets,
  shiftsRange,
  stallsAfter,
  truncatesTo,
  withholdsFrom,
} from './faults.ts'
export { type DockerRegistry, type DockerRegistryOptions, startDockerRegistry } from './docker-registry.ts'
export { type FaultyServer, type SeenRequest, createFaultyServer } from './faulty-server.ts'
export { type GitRepository, gitHost } from './git-host.ts'
export { type HubModel, type HubOptions, gitOid, huggingFaceHub } from './huggingface-hub.ts'
export { type ModelScopeModel, modelScopeHub } from './modelscope-hub.ts'
export { type KaggleOptions, type KaggleVariation, kaggleModels } from './kaggle.ts'
export {
  type EndpointAnswer,
  type EndpointRequest,
  type EndpointRoutes,
  type ModelEndpoint,
  createModelEndpoint,
} from './model-endpoint.ts'
export { type NpmPackage, type NpmRegistryOptions, type NpmVersion, npmRegistry } from './npm-registry.ts'
export { type OciArtifact, type OciIndexOf, type OciLayer, type OciRegistryOptions, ociRegistry } from './oci-registry.ts'
export { oipServer } from './oip-server.ts'
export { ollamaApi } from './ollama-api.ts'
export { type OllamaModel, ollamaManifest, ollamaRegistry } from './ollama-registry.ts'
export { type ParrotAnswer, type ParrotRequest, parrot } from './parrot.ts'
export { type PypiFile, type PypiIndexOptions, pypiIndex } from './pypi-index.ts'
export { type ReplicateTestModel, replicateApi } from './replicate-api.ts'
export { type Reply } from './reply.ts'
export { type Content, type Repeated, type Served, type ServedFile, type ServedRequest } from './served-file.ts'
